// Package stack finds the parts of a deployed bridge by the outputs of its CloudFormation stack, and reaches them.
//
// Its errors are sentences for people: which call to AWS failed, AWS's code, and what to do about it. AWS's own
// words may name accounts and addresses, and are left out. It decides nothing about messages and secrets.
package stack

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// The stack's outputs that commands need; the template names them.
const (
	WebhookURL          = "WebhookUrl"
	EventsQueue         = "EventsQueueUrl" // the one of the next two that the receiver sends to
	FIFOEvents          = "EventsFifoQueueUrl"
	StandardEvents      = "EventsStandardQueueUrl"
	RejectedQueue       = "RejectedQueueUrl"
	FIFODeadLetters     = "EventsFifoDeadLetterQueueUrl"
	StandardDeadLetters = "EventsStandardDeadLetterQueueUrl"
	RelayQueue          = "RelayQueueUrl" // missing, as the next, if Relay is off
	RelayDeadLetters    = "RelayDeadLetterQueueUrl"
	SecretsPrefix       = "SecretsPrefix"
	SubscribersTable    = "SubscribersTable" // missing if Subscribers is off
	usersURL            = "UsersUrl"         // missing if UsersEndpoint is off
)

// Stack is a deployed bridge.
type Stack struct {
	Name       string
	Config     sdk.Config
	outputs    map[string]string
	parameters map[string]string
}

// Flag declares --stack.
func Flag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "stack", "", "the bridge's CloudFormation stack")
}

// Open looks a stack up. It is an error if one of the required outputs is missing.
func Open(cmd *cobra.Command, network http.RoundTripper, name string, required ...string) (*Stack, error) {
	if name == "" {
		err := errors.New("flag --stack is missing: which CloudFormation stack is the bridge's?")
		return nil, cli.BadUsage(cmd, err)
	}
	ctx := cmd.Context()
	config, err := Connect(ctx, network)
	if err != nil {
		return nil, err
	}
	in := &cloudformation.DescribeStacksInput{StackName: &name}
	described, err := cloudformation.NewFromConfig(config).DescribeStacks(ctx, in)
	// CloudFormation has no code of its own for a stack that does not exist (DescribeStacks, November 2026).
	if Code(err) == "ValidationError" || err == nil && len(described.Stacks) == 0 {
		hint := "is it another region, account or name? 'aws cloudformation list-stacks' names those that are there"
		return nil, cli.Findingf(hint, "stack %q does not exist in region %s", name, config.Region)
	}
	if err != nil {
		return nil, Explain(err)
	}
	s := &Stack{name, config, make(map[string]string), make(map[string]string)}
	for _, p := range described.Stacks[0].Parameters {
		s.parameters[sdk.ToString(p.ParameterKey)] = sdk.ToString(p.ParameterValue)
	}
	for _, o := range described.Stacks[0].Outputs {
		s.outputs[sdk.ToString(o.OutputKey)] = sdk.ToString(o.OutputValue)
	}
	for _, output := range required {
		if s.outputs[output] == "" {
			return nil, cli.Findingf("deploy the present version of the bridge, or name its stack",
				"stack %q has no output %s", name, output)
		}
	}
	return s, nil
}

// Connect finds AWS by the usual chain: environment, profile, sign-in. It looks for credentials, so that their lack
// is reported in one sentence and not by the first call. network makes the calls; nil is the real one.
func Connect(ctx context.Context, network http.RoundTripper) (sdk.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithLogger(logging.Nop{})} // it would write into the output
	if network != nil {
		options = append(options, awsconfig.WithHTTPClient(&http.Client{Transport: network}))
	}
	config, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if profile, ok := errors.AsType[awsconfig.SharedConfigProfileNotExistError](err); ok {
		return config, cli.Usagef("AWS_PROFILE names one of those in ~/.aws/config",
			"AWS profile %q does not exist", profile.Profile)
	}
	if err != nil {
		return config, cli.Usagef("see ~/.aws/config and the AWS_ variables", "AWS settings cannot be read")
	}
	if config.Region == "" {
		return config, cli.Usagef("set AWS_REGION, or give your AWS profile a region", "no AWS region is set")
	}
	if _, err := config.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return config, cli.ErrInterrupted
		}
		return config, cli.Usagef("set AWS_PROFILE, or sign in with 'aws sso login' or 'aws configure'",
			"no AWS credentials are found")
	}
	return config, nil
}

// Caller returns who AWS says is calling, such as arn:aws:sts::123456789012:assumed-role/Marketing/marie.
func (s *Stack) Caller(ctx context.Context) (string, error) {
	out, err := sts.NewFromConfig(s.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", Explain(err)
	}
	return sdk.ToString(out.Arn), nil
}

// Output returns one of the stack's outputs, empty if there is none.
func (s *Stack) Output(name string) string { return s.outputs[name] }

// JournalParameter says what the journal keeps of webhooks: "outcomes", "bodies" or "off".
const JournalParameter = "Journal"

// Parameter returns one of the stack's parameters, empty if it has none of that name.
func (s *Stack) Parameter(name string) string { return s.parameters[name] }

// ReceiverURL is where an app's webhooks go: the stack's URL, unless another is given.
func (s *Stack) ReceiverURL(given, app string) (string, error) {
	return ReceiverURL(cmp.Or(given, localURL(), strings.ReplaceAll(s.Output(WebhookURL), "{app}", app)), app)
}

// urlVariable may hold the receiver's URL.
const urlVariable = "BRIDGE_URL"

// localURL is the variable's URL, if AWS is a local one, whose stacks name a public URL that nobody serves. Of a real
// stack the variable is not asked: what is signed with its secret must not go to another one.
func localURL() string {
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		return ""
	}
	return os.Getenv(urlVariable)
}

// ReceiverURL completes a receiver's URL. Webhooks are personal, so plain HTTP is for this machine only.
func ReceiverURL(given, app string) (string, error) {
	if given == "" {
		given = os.Getenv(urlVariable)
	}
	if given == "" {
		return "", cli.Usagef("give --url or BRIDGE_URL: the URL in Purchasely's console, or what 'make run' prints",
			"no receiver's URL is given")
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" {
		return "", cli.Usagef("for example https://a1b2c3d4e5.execute-api.eu-west-3.amazonaws.com",
			"the receiver's URL cannot be read")
	}
	if !mayCarrySecrets(u) {
		return "", cli.Usagef("plain http is for this machine only", "the receiver's URL must begin with https://")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/purchasely/" + app
	}
	return u.String(), nil
}

// UsersURL is where an app's back end sends what it knows of users: beside the API's URL that is given, or the
// stack's. It is empty if the stack has no such endpoint.
func (s *Stack) UsersURL(given, app string) (string, error) {
	if s.Output(usersURL) != "" {
		given = cmp.Or(given, localURL())
	}
	if given == "" {
		return strings.ReplaceAll(s.Output(usersURL), "{app}", app), nil
	}
	receiver, err := ReceiverURL(given, app)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(receiver, "/purchasely/"+app) + "/users/" + app, nil
}

// mayCarrySecrets reports whether a URL is HTTPS, or HTTP to this machine. Names under localhost are this machine
// (RFC 6761).
func mayCarrySecrets(u *url.URL) bool {
	host := u.Hostname()
	local := network.IsLoopback(host) || strings.HasSuffix(host, ".localhost")
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// The last part of the names of an app's secrets.
const (
	PurchaselySecret = "purchasely"
	CleverTapSecret  = "clevertap"
	UsersSecret      = "users"
	RelaySecret      = "relay" // of the company's own back end, if it says anything about users
)

// SecretName is the name of one of an app's secrets.
func (s *Stack) SecretName(app, part string) string {
	return strings.TrimRight(s.Output(SecretsPrefix), "/") + "/" + app + "/" + part
}

// ReadSecret returns a secret's text; found is false if it does not exist.
func (s *Stack) ReadSecret(ctx context.Context, name string) (text []byte, found bool, err error) {
	text, err = aws.NewSecrets(s.Config).Read(ctx, name)
	switch Code(err) {
	case "ResourceNotFoundException":
		return nil, false, nil
	case "InvalidRequestException":
		return nil, false, cli.Findingf("'aws secretsmanager restore-secret' brings it back",
			"secret %s is marked for deletion", name)
	}
	return text, err == nil, Explain(err)
}

// appSecret reads one of an app's two secrets, which must be there.
func (s *Stack) appSecret(ctx context.Context, app, part string) (name string, text []byte, err error) {
	name = s.SecretName(app, part)
	text, found, err := s.ReadSecret(ctx, name)
	if err == nil && !found {
		hint := "is the app's name right? 'bridge app add " + app + "' creates its secrets"
		err = cli.Findingf(hint, "secret %s is missing", name)
	}
	return name, text, err
}

// unusable is the error of a secret that cannot be read. What its reader says is not shown: it may quote the
// secret.
func unusable(name, app string) error {
	return cli.Findingf("'bridge app check "+app+"' says more", "secret %s cannot be used", name)
}

// SharedSecret returns the secret that an app's webhooks are signed with.
func (s *Stack) SharedSecret(ctx context.Context, app string) (secret.Value, error) {
	name, text, err := s.appSecret(ctx, app, PurchaselySecret)
	if err != nil {
		return secret.Value{}, err
	}
	key := CurrentKey(text)
	if key.Empty() {
		err = unusable(name, app)
	}
	return key, err
}

// CurrentKey returns what an app's webhooks are signed with by the text of its secret; it is empty if that cannot be
// read.
func CurrentKey(text []byte) secret.Value {
	var form struct {
		Current secret.Value `json:"shared_secret"`
	}
	if json.Unmarshal(text, &form, jsontext.AllowDuplicateNames(true)) != nil {
		return secret.Value{}
	}
	return form.Current
}

// Accounts returns an app's CleverTap accounts.
func (s *Stack) Accounts(ctx context.Context, app string) (clevertap.Accounts, error) {
	name, text, err := s.appSecret(ctx, app, CleverTapSecret)
	if err != nil {
		return clevertap.Accounts{}, err
	}
	accounts, err := clevertap.ParseAccounts(text)
	if err != nil {
		return clevertap.Accounts{}, unusable(name, app)
	}
	return accounts, nil
}

const (
	// endpointVariable directs what would go to CleverTap's hosts elsewhere, as it does for the forwarder.
	endpointVariable = "CLEVERTAP_ENDPOINT"
	// clevertapTimeout is how long a region may take to answer.
	clevertapTimeout = 15 * time.Second
)

// CleverTap returns what uploads to CleverTap, with the credentials that it is given. network makes the calls; nil is
// the real one.
func CleverTap(network http.RoundTripper) (*clevertap.Uploader, error) {
	endpoint, err := endpoint()
	if err != nil {
		return nil, err
	}
	options := clevertap.Options{Transport: network, Endpoint: endpoint, Timeout: clevertapTimeout}
	return clevertap.NewUploader(options), nil
}

// CleverTapReader returns what asks CleverTap what it has. network makes the calls; nil is the real one.
func CleverTapReader(network http.RoundTripper) (*query.Client, error) {
	endpoint, err := endpoint()
	if err != nil {
		return nil, err
	}
	return query.New(network, endpoint), nil
}

// endpoint is where CleverTap's hosts are directed to, empty for nowhere else.
func endpoint() (string, error) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		return "", nil
	}
	u, err := url.Parse(strings.ReplaceAll(endpoint, "{host}", "host"))
	if err != nil || u.Host == "" || !mayCarrySecrets(u) {
		return "", cli.Usagef("credentials go there: it must be https, or http to this machine",
			"%s is no usable URL", endpointVariable)
	}
	return endpoint, nil
}

// hints say what to do about the errors that people cause (common errors of the AWS APIs, November 2026).
var hints = map[string]string{
	"AccessDenied":                            "your AWS identity may not do this",
	"AccessDeniedException":                   "your AWS identity may not do this",
	"ExpiredToken":                            "your AWS sign-in has expired: sign in again",
	"ExpiredTokenException":                   "your AWS sign-in has expired: sign in again",
	"InvalidClientTokenId":                    "AWS does not know these credentials",
	"UnrecognizedClientException":             "AWS does not know these credentials",
	"QueueDoesNotExist":                       "the stack names a queue that is gone; was it deleted by hand?",
	"AWS.SimpleQueueService.NonExistentQueue": "the stack names a queue that is gone; was it deleted by hand?",
	"NoSuchBucket":                            "the stack names a bucket that is gone; was it deleted by hand?",
	"Throttling":                              "AWS has too much to do for this account: try again in a minute",
	"ThrottlingException":                     "AWS has too much to do for this account: try again in a minute",
	"RequestThrottled":                        "AWS has too much to do for this account: try again in a minute",
}

// Explain returns an error of AWS in a sentence for people.
func Explain(err error) error {
	e := failedCall(err)
	switch {
	case e == nil:
		return nil
	case e.Code != "":
		return cli.Findingf(hints[e.Code], "%s: %s", e.Call, e.Code)
	case errors.Is(e.Err, context.Canceled):
		return cli.ErrInterrupted
	default:
		return cli.Findingf("is the network up, and AWS_ENDPOINT_URL right if it is set?",
			"%s: AWS does not answer", e.Call)
	}
}

// Code is AWS's code of an error, empty if AWS has not answered.
func Code(err error) string {
	if e := failedCall(err); e != nil {
		return e.Code
	}
	return ""
}

// failedCall reduces an error, of the SDK or of package aws, to the call that failed.
func failedCall(err error) *aws.Error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*aws.Error](err)
	if !ok {
		e, _ = errors.AsType[*aws.Error](aws.Fault(fault.Unavailable, err))
	}
	return e
}
