// Command heartbeat is the Lambda function that a schedule runs, to send an event of the bridge's own for every app to
// the URL that Purchasely calls.
//
// It reads the environment and connects shared/heartbeat to Secrets Manager and the network. If it cannot start, it
// prints one line that names every fault, and exits with 1. It decides nothing about heartbeats.
package main

import "github.com/purchasely-clevertap/bridge/functions/internal/start"

func main() { start.Main("heartbeat", readConfig, start.CallTimeout, start.CallBackoff, newHandler) }
