package main

import "time"

// usualWorld is what is simulated if nothing else is said. CleverTap calls a second or more for a call normal
// (developer.clevertap.com, upload-events-api, November 2026).
var usualWorld = world{latency: time.Second, sqs: sqsCall}

// usualLoad is the question of docs/design/scale.md: a million renewals in ten minutes, as when a yearly campaign comes round.
var usualLoad = load{rate: 10, subscribers: 20_000, seed: 1, quiet: time.Minute, burst: 1_000_000, over: 10 * time.Minute}
