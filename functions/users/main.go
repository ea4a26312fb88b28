// Command users is the Lambda function behind the URL that a company's own back end calls, to link CleverTap IDs
// and to have people left alone.
//
// It reads the environment and connects shared/users to Secrets Manager and the table. If it cannot start, it
// prints one line that names every fault, and exits with 1. It decides nothing about requests.
package main

import "github.com/purchasely-clevertap/bridge/functions/internal/start"

func main() { start.Main("users", readConfig, callTimeout, callBackoff, newHandler) }
