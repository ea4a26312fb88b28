// Command plain is a receiver in its first, obvious form: the events package, the SDK's defaults,
// encoding/json. The benchmark compares the receiver with it; it has one shared secret, no limits, no order of
// users and no metrics.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type handler struct {
	secrets *secretsmanager.Client
	queue   *sqs.Client
	keys    map[string]string
}

func (h *handler) handle(
	ctx context.Context, request events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	app, body := request.PathParameters["app"], request.Body
	if request.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{StatusCode: 400}, nil
		}
		body = string(decoded)
	}
	key, err := h.key(ctx, app)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(request.Headers["x-purchasely-timestamp"] + body))
	if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(request.Headers["x-purchasely-request-signature"])) {
		return events.APIGatewayV2HTTPResponse{StatusCode: 401}, nil
	}
	var webhook map[string]any
	if err := json.Unmarshal([]byte(body), &webhook); err != nil {
		return events.APIGatewayV2HTTPResponse{StatusCode: 400}, nil
	}
	if err := h.send(ctx, app, body); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	slog.Info("webhook", "app", app, "event_id", webhook["event_id"])
	return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: `{"status":"queued"}`}, nil
}

// key reads an app's shared secret once.
func (h *handler) key(ctx context.Context, app string) (string, error) {
	if key, ok := h.keys[app]; ok {
		return key, nil
	}
	out, err := h.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: aws.String(os.Getenv("SECRETS_PREFIX") + "/" + app + "/purchasely"),
	})
	if err != nil {
		return "", err
	}
	var secret struct {
		Key string `json:"shared_secret"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &secret); err != nil {
		return "", err
	}
	h.keys[app] = secret.Key
	return secret.Key, nil
}

func (h *handler) send(ctx context.Context, app, body string) error {
	_, err := h.queue.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(os.Getenv("QUEUE_URL")), MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{"app": {DataType: aws.String("String"), StringValue: &app}},
	})
	return err
}

func main() {
	cloud, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		slog.Error("configuration", "error", err)
		os.Exit(1)
	}
	h := &handler{secretsmanager.NewFromConfig(cloud), sqs.NewFromConfig(cloud), map[string]string{}}
	lambda.Start(h.handle)
}
