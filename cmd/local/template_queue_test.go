//go:build template

package main_test

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// deadLetterQueues are the queues that have one, with it.
var deadLetterQueues = map[string]string{
	"EventsFifoQueue":     "EventsFifoDeadLetterQueue",
	"EventsStandardQueue": "EventsStandardDeadLetterQueue",
}

func queuesWantTLS(s stack) []string {
	var f faults
	policies := map[string]int{}
	for name, policy := range s.of("AWS::SQS::QueuePolicy") {
		queues := list(policy["Queues"])
		f.want(name+": queues", 1, len(queues))
		queue, _ := queues[0].(string)
		policies[queue]++
		f.want(name+": statements", []any{node{
			"Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": queue + ".Arn",
			"Condition": node{"Bool": node{"aws:SecureTransport": "false"}},
		}}, at(policy, "PolicyDocument", "Statement"))
	}
	for name := range s.of("AWS::SQS::Queue") {
		f.want("policies of "+name, 1, policies[name])
	}
	return f
}

func queuesKeepMessages(s stack) []string {
	var f faults
	queues := s.of("AWS::SQS::Queue")
	f.want("queues", "EventsFifoDeadLetterQueue EventsFifoQueue EventsStandardDeadLetterQueue EventsStandardQueue RejectedQueue",
		strings.Join(slices.Sorted(maps.Keys(queues)), " "))
	for name, queue := range queues {
		// A key of KMS and SQS's own encryption exclude each other, and one of them there is.
		if key := s.parameters["KmsKeyArn"]; key != "" {
			f.want(name+": KmsMasterKeyId", key, queue["KmsMasterKeyId"])
			f.want(name+": SqsManagedSseEnabled", false, queue["SqsManagedSseEnabled"])
		} else {
			f.want(name+": KmsMasterKeyId", nil, queue["KmsMasterKeyId"])
			f.want(name+": SqsManagedSseEnabled", true, queue["SqsManagedSseEnabled"])
		}
		f.want(name+": retention", 14*24*time.Hour, time.Duration(number(queue["MessageRetentionPeriod"]))*time.Second)
		f.want(name+": DeletionPolicy", "RetainExceptOnCreate", at(s.resources, name, "DeletionPolicy"))
		f.want(name+": UpdateReplacePolicy", "Retain", at(s.resources, name, "UpdateReplacePolicy"))
	}
	return f
}

func fifoQueuesAreFast(s stack) []string {
	var f faults
	for name, queue := range s.of("AWS::SQS::Queue") {
		fifo := strings.Contains(name, "Fifo")
		physical, _ := queue["QueueName"].(string)
		f.when(!strings.HasPrefix(physical, "${AWS::StackName}-"), "%s: name %q does not begin with the stack's", name, physical)
		f.want(name+": FIFO by its name", fifo, strings.HasSuffix(physical, ".fifo"))
		f.want(name+": FIFO by its attribute", fifo, queue["FifoQueue"] == true)
		if !fifo {
			for _, key := range []string{"FifoQueue", "DeduplicationScope", "FifoThroughputLimit", "ContentBasedDeduplication"} {
				f.when(queue[key] != nil, "%s: %s is for FIFO queues", name, key)
			}
		}
	}
	events := s.of("AWS::SQS::Queue")["EventsFifoQueue"]
	f.want("DeduplicationScope", "messageGroup", events["DeduplicationScope"])
	f.want("FifoThroughputLimit", "perMessageGroupId", events["FifoThroughputLimit"])
	f.want("ContentBasedDeduplication", false, events["ContentBasedDeduplication"])
	return f
}

func deadLetterQueuesFit(s stack) []string {
	var f faults
	queues := s.of("AWS::SQS::Queue")
	for name, queue := range queues {
		dead := deadLetterQueues[name]
		if dead == "" {
			f.when(queue["RedrivePolicy"] != nil, "%s: a redrive policy, but no consumer", name)
			continue
		}
		f.want(name+": dead-letter queue", dead+".Arn", at(queue, "RedrivePolicy", "deadLetterTargetArn"))
		f.want(name+": FIFO as its dead-letter queue", queue["FifoQueue"], queues[dead]["FifoQueue"])
		f.when(number(queues[dead]["MessageRetentionPeriod"]) < number(queue["MessageRetentionPeriod"]),
			"%s: its dead-letter queue forgets sooner", name)
	}
	return f
}

// outageOfADayIsSurvived counts how often a message is received while CleverTap is away for a day, by the forwarder's own rule for its
// visibility, at the end of the jitter that makes most receives, and by the queue's visibility if the forwarder cannot change it.
func outageOfADayIsSurvived(s stack) []string {
	const (
		outage = 24 * time.Hour
		most   = 15 * time.Minute
		jitter = 0.8
	)
	var f faults
	for name := range deadLetterQueues {
		queue := s.of("AWS::SQS::Queue")[name]
		allowed := number(at(queue, "RedrivePolicy", "maxReceiveCount"))
		f.when(number(queue["MessageRetentionPeriod"]) <= int(outage.Seconds()), "%s: forgets within the outage", name)

		byQueue := int(outage / (time.Duration(number(queue["VisibilityTimeout"])) * time.Second))
		f.when(allowed < 2*byQueue, "%s: %d receives at the queue's visibility, %d allowed", name, byQueue, allowed)

		for _, delay := range []string{"1s", s.parameters["RetryDelay"].(string), "900s"} {
			visibility, err := time.ParseDuration(delay)
			f.when(err != nil, "RetryDelay: %v", err)
			receives := 0
			for waited := time.Duration(0); waited < outage && receives <= allowed && visibility > 0; receives++ {
				waited += time.Duration(float64(min(visibility, most)) * jitter)
				visibility = min(2*visibility, most)
			}
			f.when(allowed < 2*receives, "%s: %d receives with RetryDelay %s, %d allowed", name, receives, delay, allowed)
		}
	}
	return f
}
