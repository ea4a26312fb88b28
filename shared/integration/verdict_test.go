package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/purchasely-clevertap/bridge/shared/config"
)

// beyondTheSchema are the faulty files that a schema passes, or that it is never shown, with the reason.
var beyondTheSchema = map[string]string{
	"alias_of_itself.yaml":                             reasonSyntax,
	"alias_without_anchor.yaml":                        reasonSyntax,
	"duplicate_keys_at_every_level.yaml":               reasonSyntax,
	"merge_of_a_list_of_texts.yaml":                    reasonSyntax,
	"merge_of_a_text.yaml":                             reasonSyntax,
	"missing_colon.yaml":                               reasonSyntax,
	"missing_space_after_colon.yaml":                   reasonSyntax,
	"nested_too_deep.yaml":                             reasonSyntax,
	"not_utf8.yaml":                                    reasonSyntax,
	"several_documents.yaml":                           reasonSyntax,
	"several_documents_first_empty.yaml":               reasonSyntax,
	"tab.yaml":                                         reasonSyntax,
	"tag.yaml":                                         reasonSyntax,
	"text_behind_the_end.yaml":                         reasonSyntax,
	"unclosed_brace.yaml":                              reasonSyntax,
	"unclosed_quote.yaml":                              reasonSyntax,
	"wrong_indentation.yaml":                           reasonSyntax,
	"name_too_long_in_bytes.yaml":                      "a schema counts characters",
	"name_outer_blank_beyond_ascii.yaml":               "what a regular expression takes for a blank differs between editors",
	"event_renamed_to_a_reserved_name.yaml":            reasonNames,
	"event_renamed_to_charged.yaml":                    reasonNames,
	"event_that_is_reserved_is_sent.yaml":              reasonNames,
	"user_property_renamed_to_a_reserved_key.yaml":     reasonNames,
	"user_property_that_is_reserved_is_sent.yaml":      reasonNames,
	"prefix_makes_a_reserved_event.yaml":               reasonNames,
	"prefix_makes_charged.yaml":                        reasonNames,
	"prefix_makes_reserved_keys.yaml":                  reasonNames,
	"prefix_makes_names_too_long.yaml":                 reasonOthers,
	"a_prefixed_event_named_like_another.yaml":         reasonOthers,
	"a_property_named_like_another.yaml":               reasonOthers,
	"a_user_property_named_like_another.yaml":          reasonOthers,
	"an_event_named_like_another.yaml":                 reasonOthers,
	"an_unknown_event_named_like_another.yaml":         reasonOthers,
	"an_unknown_user_property_named_like_another.yaml": reasonOthers,
	"two_events_of_one_name.yaml":                      reasonOthers,
	"two_properties_of_one_name.yaml":                  reasonOthers,
	"two_unknown_properties_of_one_name.yaml":          reasonOthers,
	"two_user_properties_of_one_name.yaml":             reasonOthers,
}

const (
	reasonSyntax = "it is no single plain YAML document, so a schema is shown something else or nothing"
	reasonNames  = "a regular expression for names without regard to case and spaces would be unreadable"
	reasonOthers = "a schema cannot compare one key with the others"
)

// TestVerdicts shows the corpus to the schema as well. It must agree with the loader on every file that is not listed above.
func TestVerdicts(t *testing.T) {
	s := compileSchema(t)
	for _, verdict := range []string{"valid", "invalid"} {
		for _, path := range corpus(t, verdict) {
			name := filepath.Base(path)
			t.Run(verdict+"/"+name, func(t *testing.T) {
				var document any
				err := yaml.Unmarshal(bytes.TrimPrefix(read(t, path), []byte("\ufeff")), &document)
				if err == nil {
					err = s.Validate(document)
				}
				reason, beyond := beyondTheSchema[name]
				switch {
				case verdict == "valid" && err != nil:
					t.Errorf("the schema refuses what the loader takes: %v", err)
				case verdict == "invalid" && err == nil && !beyond:
					t.Error("the schema takes what the loader refuses")
				case verdict == "invalid" && err != nil && beyond && reason != reasonSyntax:
					t.Errorf("the schema refuses it, yet the list says: %s", reason)
				}
			})
		}
	}
	for name := range beyondTheSchema {
		if _, err := os.Stat(filepath.Join("testdata", "invalid", name)); err != nil {
			t.Errorf("%s is listed, but is no file", name)
		}
	}
}

func TestTheSchemaTakesTheEmbeddedFile(t *testing.T) {
	var document any
	if err := yaml.Unmarshal(config.Integrations, &document); err != nil {
		t.Fatal(err)
	}
	if err := compileSchema(t).Validate(document); err != nil {
		t.Error(err)
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("integrations.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("integrations.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
