//go:build template

package main_test

import "fmt"

// cleverTapRequests is how many requests of an account CleverTap takes at a time (CleverTap, "API Request Limit", November 2026).
const cleverTapRequests = 15

// mappingsByQueue returns both mappings by the queue that they read.
func mappingsByQueue(s stack) map[string]node {
	found := map[string]node{}
	for _, mapping := range s.of("AWS::Lambda::EventSourceMapping") {
		found[fmt.Sprint(mapping["EventSourceArn"])] = mapping
	}
	return found
}

func mappingsFitTheirQueues(s stack) []string {
	var f faults
	mappings := mappingsByQueue(s)
	f.want("mappings", 2, len(s.of("AWS::Lambda::EventSourceMapping")))
	for queue := range deadLetterQueues {
		mapping := mappings[queue+".Arn"]
		f.want(queue+": function", "Forwarder", mapping["FunctionName"])
		f.want(queue+": FunctionResponseTypes", "[ReportBatchItemFailures]", mapping["FunctionResponseTypes"])
		f.when(mapping["Enabled"] != nil, "%s: a mapping that can be switched off strands messages", queue)
		f.when(mapping["FilterCriteria"] != nil, "%s: a filter deletes what it drops", queue)
		f.when(mapping["ProvisionedPollerConfig"] != nil, "%s: provisioned pollers exclude a maximum", queue)
		f.when(number(at(mapping, "ScalingConfig", "MaximumConcurrency")) < 2, "%s: Lambda's least maximum is 2", queue)
	}
	fifo, standard := mappings["EventsFifoQueue.Arn"], mappings["EventsStandardQueue.Arn"]
	f.want("batch of the FIFO queue", 10, fifo["BatchSize"])
	f.when(fifo["MaximumBatchingWindowInSeconds"] != nil, "a FIFO queue has no batching window")
	f.want("batch of the standard queue", 1000, standard["BatchSize"])
	window := number(standard["MaximumBatchingWindowInSeconds"])
	f.when(window < 1 || window > 5, "batches above 10 want a window of a second, webhooks want one of no more than five: %d", window)
	return f
}

func visibilityExceedsTimeout(s stack) []string {
	var f faults
	timeout := number(s.of("AWS::Lambda::Function")["Forwarder"]["Timeout"])
	for queue := range deadLetterQueues {
		window := max(0, number(mappingsByQueue(s)[queue+".Arn"]["MaximumBatchingWindowInSeconds"]))
		visibility := number(s.of("AWS::SQS::Queue")[queue]["VisibilityTimeout"])
		f.when(timeout < 1 || visibility < 6*timeout+window, "%s: visibility %d s, time-out %d s, window %d s", queue, visibility, timeout, window)
	}
	return f
}

func uploadsStayWithinTheCap(s stack) []string {
	var f faults
	uploads := at(s.of("AWS::Lambda::Function")["Forwarder"], "Environment", "Variables", "UPLOAD_CONCURRENCY")
	_, isText := uploads.(string)
	f.when(!isText, "UPLOAD_CONCURRENCY is no text, as a variable has to be")

	forwarders := 0
	for _, mapping := range mappingsByQueue(s) {
		forwarders += number(at(mapping, "ScalingConfig", "MaximumConcurrency"))
	}
	f.when(forwarders*number(uploads) > cleverTapRequests || number(uploads) < 1, "%d forwarders × %v uploads", forwarders, uploads)

	// The user may raise the FIFO queue's share to the parameter's maximum.
	if s.parameters["QueueType"] == "fifo" {
		highest := number(at(s.Source, "Parameters", "ForwarderConcurrency", "MaxValue"))
		spread := forwarders - number(s.parameters["ForwarderConcurrency"]) + highest
		f.when(spread*number(uploads) > cleverTapRequests, "at most %d forwarders × %v uploads", spread, uploads)
	}

	if reserved := s.of("AWS::Lambda::Function")["Forwarder"]["ReservedConcurrentExecutions"]; reserved != nil {
		f.when(number(reserved) < forwarders, "reserved concurrency %v is below the mappings' sum %d", reserved, forwarders)
	}
	return f
}
