package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// The last part of the names of an app's two secrets.
const (
	purchaselyPart = "purchasely"
	clevertapPart  = "clevertap"
)

// vault is where the secrets lie.
type vault struct{ client *secretsmanager.Client }

func newVault(s *stack) vault { return vault{secretsmanager.NewFromConfig(s.cloud)} }

// read gives a secret's text; found is false if there is none.
func (v vault) read(ctx context.Context, name string) (text []byte, found bool, err error) {
	out, err := v.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name, VersionStage: new("AWSCURRENT")})
	switch awsCode(err) {
	case "ResourceNotFoundException":
		return nil, false, nil
	case "InvalidRequestException":
		return nil, false, findingf("'aws secretsmanager restore-secret' brings it back", "secret %s is marked for deletion", name)
	}
	if err != nil {
		return nil, false, awsTrouble(err)
	}
	if out.SecretString != nil {
		return []byte(*out.SecretString), true, nil
	}
	return out.SecretBinary, true, nil
}

// create stores a new secret and never touches one that is there.
func (v vault) create(ctx context.Context, name, text string) error {
	const description = "Read by the bridge from Purchasely to CleverTap; 'bridge app check' says whether it is right."
	_, err := v.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text, Description: new(description)})
	if awsCode(err) == "ResourceExistsException" {
		return findingf("'bridge app add --replace' stores it all the same", "secret %s is there by now, or has no value", name)
	}
	if err != nil {
		return awsTrouble(err)
	}
	return nil
}

// replace gives a secret a new value, and makes the secret where it is missing.
func (v vault) replace(ctx context.Context, name, text string) error {
	_, err := v.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text})
	if awsCode(err) == "ResourceNotFoundException" {
		return v.create(ctx, name, text)
	}
	if err != nil {
		return awsTrouble(err)
	}
	return nil
}

// store stores a secret, unless there is nothing to store.
func (v vault) store(ctx context.Context, p part, text string) (done string, err error) {
	switch {
	case text == "":
		return "kept", nil
	case p.there:
		return "replaced", v.replace(ctx, p.name, text)
	default:
		return "created", v.create(ctx, p.name, text)
	}
}

// sharedSecret reads an app's shared secret.
func (v vault) sharedSecret(ctx context.Context, s *stack, app string) (secret.Value, error) {
	name, err := s.secretName(app, purchaselyPart)
	if err != nil {
		return secret.Value{}, err
	}
	text, found, err := v.read(ctx, name)
	if err != nil {
		return secret.Value{}, err
	}
	if !found {
		return secret.Value{}, findingf("'bridge app add "+app+"' creates it", "secret %s is missing", name)
	}
	var form struct {
		Current secret.Value `json:"shared_secret"`
	}
	// A decoder's error may quote what it could not read.
	if json.Unmarshal(text, &form, jsontext.AllowDuplicateNames(true)) != nil || form.Current.Empty() {
		return secret.Value{}, findingf("'bridge app check "+app+"' says more", "secret %s cannot be used", name)
	}
	return form.Current, nil
}
