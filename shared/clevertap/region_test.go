package clevertap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

func TestHost(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"": "api.clevertap.com", "eu": "api.clevertap.com", "eu1": "api.clevertap.com", "global": "api.clevertap.com",
		"none": "api.clevertap.com", "EU1": "api.clevertap.com", " Global\n": "api.clevertap.com", "  ": "api.clevertap.com",
		"in": "in1.api.clevertap.com", "us": "us1.api.clevertap.com", "sg": "sg1.api.clevertap.com", "sk": "sk1.api.clevertap.com",
		"IN": "in1.api.clevertap.com", " Us1 ": "us1.api.clevertap.com", "in1": "in1.api.clevertap.com", "sk1": "sk1.api.clevertap.com",
		"aps3": "aps3.api.clevertap.com", "mec1": "mec1.api.clevertap.com", "eu2": "eu2.api.clevertap.com", "abcde99": "abcde99.api.clevertap.com",
		"a1": "", "abcdef1": "", "in100": "", "1in": "", "in1a": "", "in-1": "", "in.1": "", "in1.evil.example": "", "evil.example/": "",
		"ïn1": "", "aps": "", "mec": "", "12": "", "in1/x": "", "in1:80": "", "in1@x": "", "in 1": "", "in1\x00": "", "in１": "",
	}
	for region, want := range tests {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			got, err := clevertap.Host(region)
			if got != want {
				t.Errorf("host %q, want %q", got, want)
			}
			if want != "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok || f.Kind != fault.Operator || f.Reason != fault.Credentials {
				t.Fatalf("error %v, want the operator's about credentials", err)
			}
			if strings.Contains(f.Error(), region) {
				t.Errorf("the error quotes the region: %v", f)
			}
		})
	}
}
