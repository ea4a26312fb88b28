// Command receiver is the Lambda function behind the webhook's URL.
//
// It reads the environment and connects shared/receive to Secrets Manager and the queue. If it cannot start, it
// prints one line that names every fault, and exits with 1. It decides nothing about webhooks.
package main

import "github.com/purchasely-clevertap/bridge/functions/internal/start"

func main() { start.Main("receiver", readConfig, callTimeout, callBackoff, newHandler) }
