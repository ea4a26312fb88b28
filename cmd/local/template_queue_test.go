//go:build template

package main_test

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// eventsQueues are those that the forwarder reads.
var eventsQueues = []string{"EventsFifoQueue", "EventsStandardQueue"}

// deadLetterQueues are the queues that have one, with it.
func (s *stack) deadLetterQueues() map[string]string {
	queues := map[string]string{
		"EventsFifoQueue":     "EventsFifoDeadLetterQueue",
		"EventsStandardQueue": "EventsStandardDeadLetterQueue",
		"RelayQueue":          "RelayDeadLetterQueue",
	}
	maps.DeleteFunc(queues, func(name, _ string) bool { return s.isLeftOut(name) })
	return queues
}

const (
	sqsQueue = "AWS::SQS::Queue"
	mapping  = "AWS::Lambda::EventSourceMapping"
)

func queuesWantTLS(s *stack) {
	policies := map[string]int{}
	for name, policy := range s.of("AWS::SQS::QueuePolicy") {
		queues := list(policy["Queues"])
		s.want(name+": queues", 1, len(queues))
		queue := fmt.Sprint(queues[0])
		policies[queue]++
		s.wantAll(name, node{"PolicyDocument.Statement": []any{node{
			"Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": queue + ".Arn",
			"Condition": node{"Bool": node{"aws:SecureTransport": "false"}},
		}}})
	}
	for name := range s.of(sqsQueue) {
		s.want("policies of "+name, 1, policies[name])
	}
}

func queuesKeepMessages(s *stack) {
	s.wantNames("queues", "EventsFifoQueue EventsFifoDeadLetterQueue EventsStandardQueue EventsStandardDeadLetterQueue "+
		"RejectedQueue RelayQueue RelayDeadLetterQueue", keys(s.of(sqsQueue)))
	for name, queue := range s.of(sqsQueue) {
		// A key of KMS and SQS's own encryption exclude each other, and there is one of them.
		own, sqs := any(nil), true
		if s.parameters["KmsKeyArn"] != "" {
			own, sqs = s.parameters["KmsKeyArn"], false
		}
		s.wantAll(name, node{"KmsMasterKeyId": own, "SqsManagedSseEnabled": sqs})
		s.want(name+": retention", 14*24*time.Hour, seconds(queue["MessageRetentionPeriod"]))
		s.stays(name)
	}
}

func seconds(value any) time.Duration { return time.Duration(number(value)) * time.Second }

func fifoQueuesAreFast(s *stack) {
	for name, queue := range s.of(sqsQueue) {
		fifo := strings.Contains(name, "Fifo") || strings.HasPrefix(name, "Relay")
		physical := fmt.Sprint(queue["QueueName"])
		s.fault(!strings.HasPrefix(physical, "${AWS::StackName}-"), "%s: name %q is not the stack's", name, physical)
		s.want(name+": FIFO by its name", fifo, strings.HasSuffix(physical, ".fifo"))
		s.want(name+": FIFO by its attribute", fifo, queue["FifoQueue"] == true)
		if !fifo {
			s.wantAll(name, node{
				"FifoQueue": nil, "DeduplicationScope": nil, "FifoThroughputLimit": nil, "ContentBasedDeduplication": nil,
			})
		}
	}
	for name := range s.deadLetterQueues() {
		if s.get(name, "FifoQueue") == true {
			s.wantAll(name, node{
				"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
				"ContentBasedDeduplication": false,
			})
		}
	}
}

func deadLetterQueuesFit(s *stack) {
	for name, queue := range s.of(sqsQueue) {
		dead := s.deadLetterQueues()[name]
		if dead == "" {
			s.fault(queue["RedrivePolicy"] != nil, "%s: a redrive policy, but no consumer", name)
			continue
		}
		s.wantAll(name, node{"RedrivePolicy.deadLetterTargetArn": dead + ".Arn", "FifoQueue": s.get(dead, "FifoQueue")})
	}
}

// outageOfADayIsSurvived counts how often a message is received while CleverTap is away for a day: by the forwarder's
// own rule for its visibility, at the end of the jitter that makes most receives, and by the queue's visibility if the
// forwarder cannot change it.
func outageOfADayIsSurvived(s *stack) {
	const outage, most, jitter = 24 * time.Hour, 15 * time.Minute, 0.8
	for _, name := range eventsQueues {
		allowed := number(s.get(name, "RedrivePolicy", "maxReceiveCount"))
		byQueue := int(outage / seconds(s.get(name, "VisibilityTimeout")))
		s.fault(allowed < 2*byQueue, "%s: %d receives at the queue's visibility, %d allowed", name, byQueue, allowed)
		for _, delay := range []any{"1s", s.parameters["RetryDelay"], "900s"} {
			visibility, err := time.ParseDuration(fmt.Sprint(delay))
			s.fault(err != nil, "RetryDelay: %v", err)
			receives := 0
			for waited := time.Duration(0); waited < outage && receives <= allowed && visibility > 0; receives++ {
				waited += time.Duration(float64(min(visibility, most)) * jitter)
				visibility = min(2*visibility, most)
			}
			s.fault(allowed < 2*receives, "%s: %d receives with RetryDelay %s, %d allowed", name, receives, delay, allowed)
		}
	}
}

// backEndHasThreeDays counts how long the relay tries: by its own rule, doubled from its delay to an hour.
func backEndHasThreeDays(s *stack) {
	if !s.relays() {
		return
	}
	delay, err := time.ParseDuration(fmt.Sprint(s.get("RelayFunction", "Environment", "Variables", "RETRY_DELAY")))
	s.fault(err != nil, "RETRY_DELAY: %v", err)
	var tried time.Duration
	for range number(s.get("RelayQueue", "RedrivePolicy", "maxReceiveCount")) {
		tried += min(delay, time.Hour)
		delay = min(2*delay, time.Hour)
	}
	s.fault(tried < 70*time.Hour || tried > 75*time.Hour, "the relay tries for %s", tried)
}

// mappingOf is the mapping that reads a queue.
func (s *stack) mappingOf(queue string) node {
	for _, m := range s.of(mapping) {
		if m["EventSourceArn"] == queue+".Arn" {
			return m
		}
	}
	return nil
}

func mappingsFitTheirQueues(s *stack) {
	s.want("mappings", len(s.deadLetterQueues()), len(s.of(mapping)))
	for queue := range s.deadLetterQueues() {
		m := s.mappingOf(queue)
		s.want(queue+": function", readerOf(queue), m["FunctionName"])
		s.want(queue+": FunctionResponseTypes", "[ReportBatchItemFailures]", m["FunctionResponseTypes"])
		s.fault(m["Enabled"] != nil, "%s: a mapping that can be switched off strands messages", queue)
		s.fault(m["FilterCriteria"] != nil, "%s: a filter deletes what it drops", queue)
		s.fault(m["ProvisionedPollerConfig"] != nil, "%s: provisioned pollers exclude a maximum", queue)
		s.fault(number(at(m, "ScalingConfig", "MaximumConcurrency")) < 2, "%s: Lambda's least maximum is 2", queue)
		if queue != "EventsStandardQueue" {
			s.want(queue+": batch of a FIFO queue", 10, m["BatchSize"])
			s.fault(m["MaximumBatchingWindowInSeconds"] != nil, "%s: a FIFO queue has no batching window", queue)
		}
	}
	standard := s.mappingOf("EventsStandardQueue")
	s.want("batch of the standard queue", 1000, standard["BatchSize"])
	window := number(standard["MaximumBatchingWindowInSeconds"])
	s.fault(window < 1 || window > 5, "batches above 10 want a window of a second, webhooks at most five: %d", window)
}

// readerOf is the function that reads a queue.
func readerOf(queue string) string {
	if queue == "RelayQueue" {
		return "RelayFunction"
	}
	return "Forwarder"
}

func visibilityExceedsTimeout(s *stack) {
	for queue := range s.deadLetterQueues() {
		timeout := number(s.get(readerOf(queue), "Timeout"))
		window := max(0, number(s.mappingOf(queue)["MaximumBatchingWindowInSeconds"]))
		visibility := number(s.get(queue, "VisibilityTimeout"))
		s.fault(timeout < 1 || visibility < 6*timeout+window,
			"%s: visibility %d s, time-out %d s, window %d s", queue, visibility, timeout, window)
	}
}

func uploadsStayWithinTheCap(s *stack) {
	const most = 15 // requests of an account at a time (CleverTap, "API Request Limit", November 2026)
	uploads, isText := s.get("Forwarder", "Environment", "Variables", "UPLOAD_CONCURRENCY").(string)
	s.fault(!isText, "UPLOAD_CONCURRENCY is no text, as a variable has to be")
	forwarders := 0
	for _, queue := range eventsQueues {
		forwarders += number(at(s.mappingOf(queue), "ScalingConfig", "MaximumConcurrency"))
	}
	s.fault(forwarders*number(uploads) > most || number(uploads) < 1, "%d forwarders × %v uploads", forwarders, uploads)
	if s.parameters["QueueType"] == "fifo" { // The user may raise the FIFO queue's share to the parameter's maximum.
		highest := number(at(s.Source, "Parameters", "ForwarderConcurrency", "MaxValue"))
		spread := forwarders - number(s.parameters["ForwarderConcurrency"]) + highest
		s.fault(spread*number(uploads) > most, "at most %d forwarders × %v uploads", spread, uploads)
	}
	if reserved := s.get("Forwarder", "ReservedConcurrentExecutions"); reserved != nil {
		s.fault(number(reserved) < forwarders, "reserved concurrency %v is below the mappings' sum %d", reserved, forwarders)
	}
}

func subscriberTableIsKept(s *stack) {
	s.wantNames("tables", "SubscribersTable", keys(s.of("AWS::DynamoDB::Table")))
	if s.isLeftOut("SubscribersTable") {
		return
	}
	key := func(name, property, value string) node { return node{"AttributeName": name, property: value} }
	s.wantAll("SubscribersTable", node{
		"TableName":               nil, // A table that stayed would be in the way of a new one of its name.
		"BillingMode":             "PAY_PER_REQUEST",
		"KeySchema":               []any{key("subscriber", "KeyType", "HASH"), key("item", "KeyType", "RANGE")},
		"AttributeDefinitions":    []any{key("subscriber", "AttributeType", "S"), key("item", "AttributeType", "S")},
		"TimeToLiveSpecification": node{"AttributeName": "expires", "Enabled": true},
		"PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": true,
		"SSESpecification.SSEEnabled":                                 true,
	})
	s.stays("SubscribersTable")
}

func settingsAreKept(s *stack) {
	s.wantNames("buckets", "SettingsBucket", keys(s.of("AWS::S3::Bucket")))
	s.wantNames("policies of buckets", "SettingsBucketPolicy", keys(s.of("AWS::S3::BucketPolicy")))
	if s.isLeftOut("SettingsBucket") {
		return
	}
	s.wantAll("SettingsBucket", node{
		"BucketName":              nil, // The names of buckets are the whole world's.
		"VersioningConfiguration": node{"Status": "Enabled"},
		"LifecycleConfiguration.Rules": []any{node{
			"Id": "OldVersions", "Status": "Enabled", "NoncurrentVersionExpiration": node{"NoncurrentDays": 365},
		}},
		"BucketEncryption.ServerSideEncryptionConfiguration": []any{
			node{"ServerSideEncryptionByDefault": node{"SSEAlgorithm": "AES256"}},
		},
		"PublicAccessBlockConfiguration": node{
			"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
		},
		"OwnershipControls.Rules": []any{node{"ObjectOwnership": "BucketOwnerEnforced"}},
	})
	s.wantAll("SettingsBucketPolicy", node{
		"Bucket": "SettingsBucket",
		"PolicyDocument.Statement": []any{node{
			"Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
			"Resource":  []any{"SettingsBucket.Arn", "${SettingsBucket.Arn}/*"},
			"Condition": node{"Bool": node{"aws:SecureTransport": "false"}},
		}},
	})
	s.stays("SettingsBucket")
}
