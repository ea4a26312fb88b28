// Command relay is the Lambda function that takes batches of webhooks from the relay queue and posts them to the
// customer's own back end.
//
// It reads the environment and connects shared/relay to AWS. If it cannot start, it prints one line that names every
// fault, and exits with 1. It decides nothing about messages.
package main

import "github.com/purchasely-clevertap/bridge/functions/internal/start"

func main() { start.Main("relay", readConfig, start.CallTimeout, start.CallBackoff, newHandler) }
