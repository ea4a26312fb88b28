"""Deploys with all of the template's optional hardening, and looks at what came of it.

    python hardening.py prepare
    python hardening.py look STACK

"prepare" makes what the parameters name, a key and a certificate, and prints the parameters for `sam deploy`, one on a line. "look" prints
one line of JSON: a list of what was looked at, each with where it belongs, what it should be and what it is. Two parameters are deployed and
leave nothing to look at: MiniStack 1.5.33 drops a function's reserved concurrency and a stage's throttling when it makes a stack (November 2026).
"""

import json
import sys

import boto3

DOMAIN = "hooks.example.com"


def prepare():
    key = boto3.client("kms").create_key(Description="queues")["KeyMetadata"]["Arn"]
    certificate = boto3.client("acm").request_certificate(DomainName=DOMAIN)["CertificateArn"]
    for name, value in {
        "AllowedSources": "127.0.0.1/32",
        "ThrottleRate": "1000",
        "DomainName": DOMAIN,
        "CertificateArn": certificate,
        "KmsKeyArn": key,
        "ReceiverConcurrency": "20",
        "ReserveForwarders": "on",
        "Tracing": "on",
    }.items():
        print(f"{name}={value}")


def look(stack):
    cloudformation = boto3.client("cloudformation")
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"]}
    outputs = {o["OutputKey"]: o["OutputValue"] for o in described["Outputs"]}
    physical = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]}
    functions, gateway, queues = boto3.client("lambda"), boto3.client("apigatewayv2"), boto3.client("sqs")

    seen = []

    def compare(where, what, want, got):
        seen.append({"function": where, "what": what, "want": str(want), "got": str(got)})

    for function in ("Receiver", "Forwarder"):
        configuration = functions.get_function_configuration(FunctionName=outputs[function + "Function"])
        compare(function, "X-Ray", "Active", configuration.get("TracingConfig", {}).get("Mode"))
        if function == "Receiver":
            compare(function, "allowed sources", parameters["AllowedSources"], configuration["Environment"]["Variables"].get("ALLOWED_SOURCES"))
    for output, url in outputs.items():
        if output.endswith("QueueUrl") and output != "EventsQueueUrl":
            attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            compare("Queues", "key of " + output.removesuffix("QueueUrl"), parameters["KmsKeyArn"], attributes.get("KmsMasterKeyId"))
    stage = gateway.get_stages(ApiId=physical["Api"])["Items"][0]
    group = boto3.client("logs").describe_log_groups(logGroupNamePrefix=physical["ApiLogs"])["logGroups"][0]
    compare("Api", "access log", group["arn"], stage.get("AccessLogSettings", {}).get("DestinationArn"))
    domain = gateway.get_domain_name(DomainName=parameters["DomainName"])["DomainNameConfigurations"][0]
    compare("Api", "certificate of the domain", parameters["CertificateArn"], domain.get("CertificateArn"))
    mappings = gateway.get_api_mappings(DomainName=parameters["DomainName"])["Items"]
    compare("Api", "behind the domain", [physical["Api"]], [m["ApiId"] for m in mappings])
    print(json.dumps(seen))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare"]:
            prepare()
        case ["look", stack]:
            look(stack)
        case _:
            sys.exit(__doc__)
