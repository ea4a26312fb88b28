"""Calls of AWS's own library to the local AWS, for `make run` and for the test of the whole stack.

    python aws.py COMMAND STACK

routes   gives the API the routes that MiniStack does not read from its OpenAPI body; leads heartbeats
         to them; prints the API's id and the outputs
variables prints the environment variables of each function
allow    lets the roles make calls that MiniStack alone refuses
roles    makes calls with the functions' roles, and prints a list of [call, what should come of it, what came]
spoil    writes a faulty integration file into the settings' bucket, past bridge
harden   makes a key and a certificate, and prints the hardening parameters for them
hardened prints a list of [setting, what it should be, what it is]

Every command prints JSON.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

FUNCTIONS = ("Receiver", "Forwarder", "Users")


class Stack:
    def __init__(self, name):
        cloudformation = boto3.client("cloudformation")
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        self.template = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in described["Outputs"]}
        self.parameters = {p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"]}
        self.physical = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources}

    def function(self, name):
        return boto3.client("lambda").get_function_configuration(FunctionName=self.physical[name])


def routes(stack):
    gateway = boto3.client("apigatewayv2")
    api = stack.physical["Api"]
    for path, methods in stack.template["Resources"]["Api"]["Properties"]["Body"]["paths"].items():
        if "Fn::If" in methods:  # a condition, the methods, and nothing
            methods = methods["Fn::If"][1]
        for method, operation in methods.items():
            wanted = operation["x-amazon-apigateway-integration"]
            # The function's name is in the middle of arn:…:functions/${Name.Arn}/invocations.
            name = wanted["uri"]["Fn::Sub"].rpartition("${")[2].partition(".Arn}")[0]
            if name not in stack.physical:
                continue
            integration = gateway.create_integration(
                ApiId=api, IntegrationType=wanted["type"].upper(), IntegrationMethod=wanted["httpMethod"],
                IntegrationUri=stack.function(name)["FunctionArn"], PayloadFormatVersion=wanted["payloadFormatVersion"],
                TimeoutInMillis=wanted["timeoutInMillis"],
            )
            target = "integrations/" + integration["IntegrationId"]
            gateway.create_route(ApiId=api, RouteKey=f"{method.upper()} {path}", Target=target)
    if "Heartbeat" in stack.physical:  # The URL of its environment is one of AWS's.
        url = f"{gateway.meta.endpoint_url}/_aws/execute-api/{api}/purchasely/{{app}}"
        variables = stack.function("Heartbeat")["Environment"]["Variables"] | {"WEBHOOK_URL": url}
        boto3.client("lambda").update_function_configuration(
            FunctionName=stack.physical["Heartbeat"], Environment={"Variables": variables})
    return {"api": api, "outputs": stack.outputs}


def variables(stack):
    functions = [name for name, r in stack.template["Resources"].items()
                 if r["Type"].endswith("::Function") and name in stack.physical]
    return {name: stack.function(name)["Environment"]["Variables"] for name in functions}


def allow(stack):
    iam = boto3.client("iam")
    # MiniStack takes SQS's batch calls for actions of their own; on AWS the single ones cover them (Amazon SQS API
    # permissions, November 2026).
    single = {"sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    for name in FUNCTIONS:
        role = stack.function(name)["Role"].rpartition("/")[2]
        added = []
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            for statement in iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                added += [statement | {"Action": action + "Batch"} for action in actions if action in single]
                # It takes every call for one that reads all attributes, unless the projection is at the request's top.
                conditions = statement.get("Condition", {})
                if "dynamodb:Select" in conditions.get("StringEqualsIfExists", {}):
                    added.append(statement | {"Condition": {
                        operator: keys for operator, keys in conditions.items() if operator != "StringEqualsIfExists"}})
        document = {"Version": "2012-10-17", "Statement": added}
        if added:
            iam.put_role_policy(RoleName=role, PolicyName="allow", PolicyDocument=json.dumps(document))
    return {}


def spoil(stack):
    faulty = b"apps:\n  demo: {enabled: perhaps}\n"
    boto3.client("s3").put_object(Bucket=stack.outputs["SettingsBucket"], Key="integrations.yaml", Body=faulty)
    return {}


def roles(stack):
    for kind in ("purchasely", "clevertap", "users"):
        boto3.client("secretsmanager").create_secret(Name=f"other/demo/{kind}", SecretString="{}")
    boto3.client("dynamodb").create_table(
        TableName="other", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("subscriber", "item")],
        KeySchema=[{"AttributeName": "subscriber", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
    )
    other = boto3.client("sqs").create_queue(QueueName="other")["QueueUrl"]
    prefix, table = stack.outputs["SecretsPrefix"], stack.outputs["SubscribersTable"]
    key = {"subscriber": {"S": "x"}, "item": {"S": "y"}}
    bucket = stack.outputs["SettingsBucket"]
    fifo, standard, rejected = (stack.outputs[name + "QueueUrl"] for name in ("EventsFifo", "EventsStandard", "Rejected"))

    def secret(name):
        return ("secretsmanager", "get_secret_value", {"SecretId": name})

    def settings(operation, **arguments):
        return ("s3", operation, {"Bucket": bucket} | arguments)

    of_settings = [
        ("the settings", "allowed", settings("get_object", Key="integrations.yaml")),
        ("the settings' versions", "allowed", settings("list_object_versions", Prefix="integrations.yaml")),
        ("another object of the bucket", "denied", settings("get_object", Key="other")),
        ("writing the settings", "denied", settings("put_object", Key="integrations.yaml", Body=b"")),
        ("deleting the settings", "denied", settings("delete_object", Key="integrations.yaml")),
    ]

    def send(queue):
        fifo_only = {"MessageGroupId": "roles", "MessageDeduplicationId": "roles"} if queue.endswith(".fifo") else {}
        return ("sqs", "send_message", {"QueueUrl": queue, "MessageBody": "x"} | fifo_only)

    def on(operation, queue):
        return ("sqs", operation, {"QueueUrl": queue})

    def on_table(operation, **arguments):
        return ("dynamodb", operation, {"TableName": table} | arguments)

    of_subscribers = [
        ("every subscriber", "denied", on_table("scan")),
        ("all that is known of one", "denied", on_table(
            "query", KeyConditionExpression="subscriber = :x", ExpressionAttributeValues={":x": {"S": "x"}})),
        ("deleting a subscriber", "denied", on_table("delete_item", Key=key)),
        ("another table", "denied", ("dynamodb", "put_item", {"TableName": "other", "Item": key})),
    ]
    plain = (True,)
    tried = {
        "Receiver": [
            ("its app's signing secret", "allowed", secret(f"{prefix}/demo/purchasely")),
            ("CleverTap's credentials", "denied", secret(f"{prefix}/demo/clevertap")),
            ("a secret under another prefix", "denied", secret("other/demo/purchasely")),
            ("writing its own secret", "denied", ("secretsmanager", "put_secret_value", {
                "SecretId": f"{prefix}/demo/purchasely", "SecretString": "x"})),
            ("listing secrets", "denied", ("secretsmanager", "list_secrets", {})),
            ("another queue", "denied", send(other)),
            ("the rejected queue", "denied", send(rejected)),
            ("receiving from its queue", "denied", on("receive_message", fifo)),
            ("purging its queue", "denied", on("purge_queue", fifo)),
            ("the FIFO queue over plain HTTP", "denied", send(fifo) + plain),
            ("the standard queue over plain HTTP", "denied", send(standard) + plain),
        ],
        "Forwarder": [
            ("its app's credentials", "allowed", secret(f"{prefix}/demo/clevertap")),
            ("the signing secret", "denied", secret(f"{prefix}/demo/purchasely")),
            ("a secret under another prefix", "denied", secret("other/demo/clevertap")),
            ("the state of its queue", "allowed", ("sqs", "get_queue_attributes", {
                "QueueUrl": fifo, "AttributeNames": ["All"]})),
            ("sending to its own queue", "denied", send(fifo)),
            ("another queue", "denied", send(other)),
            ("receiving from another queue", "denied", on("receive_message", other)),
            ("receiving dead letters", "denied", on("receive_message", stack.outputs["EventsFifoDeadLetterQueueUrl"])),
            ("receiving from the rejected queue", "denied", on("receive_message", rejected)),
            ("the rejected queue over plain HTTP", "denied", send(rejected) + plain),
            ("receiving over plain HTTP", "denied", on("receive_message", fifo) + plain),
            ("purging the rejected queue", "denied", on("purge_queue", rejected)),
            ("a subscriber of its table", "allowed", ("dynamodb", "batch_get_item", {
                "RequestItems": {table: {"Keys": [key]}}})),
            ("writing items of its table", "allowed", ("dynamodb", "batch_write_item", {
                "RequestItems": {table: [{"PutRequest": {"Item": key}}]}})),
            *of_subscribers,
        ],
        "Users": [
            ("its app's signing keys", "allowed", secret(f"{prefix}/demo/users")),
            ("CleverTap's credentials", "denied", secret(f"{prefix}/demo/clevertap")),
            ("what Purchasely signs with", "denied", secret(f"{prefix}/demo/purchasely")),
            ("a secret under another prefix", "denied", secret("other/demo/users")),
            ("a person", "allowed", ("dynamodb", "batch_get_item", {
                "RequestItems": {table: {"Keys": [key], "ProjectionExpression": "subscriber, clevertap_id"}}})),
            ("writing a person", "allowed", on_table("put_item", Item=key)),
            *of_subscribers,
            ("the events queue", "denied", send(fifo)),
            ("the rejected queue", "denied", on("receive_message", rejected)),
        ],
    }
    seen = []
    for name, calls in tried.items():
        credentials = assume(stack.function(name)["Role"])
        for what, want, call in calls + of_settings:
            seen.append([f"{name}: {what}", want, attempt(credentials, *call)])
    return seen


def assume(role):
    """The role's credentials; for that, the account itself has to be trusted."""
    trusted = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    boto3.client("iam").update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusted]}))
    made = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="roles")["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


def attempt(credentials, service, operation, arguments, plain=False):
    client = boto3.client(service, **credentials)
    if plain:  # as a proxy forwards what it got over plain HTTP
        client.meta.events.register("before-send", lambda request, **_: request.headers.update({"X-Forwarded-Proto": "http"}))
    try:
        getattr(client, operation)(**arguments)
        return "allowed"
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return "denied" if "AccessDenied" in code else code


def harden(_):
    domain = "hooks.example.com"
    return [f"{name}={value}" for name, value in {
        "AllowedSources": "127.0.0.1/32",
        "ThrottleRate": "1000",
        "DomainName": domain,
        "CertificateArn": boto3.client("acm").request_certificate(DomainName=domain)["CertificateArn"],
        "KmsKeyArn": boto3.client("kms").create_key(Description="queues")["KeyMetadata"]["Arn"],
        "ReceiverConcurrency": "20",
        "ReserveForwarders": "on",
        "Tracing": "on",
    }.items()]


def hardened(stack):
    """MiniStack 1.5.33 drops a function's reserved concurrency and a stage's throttling (November 2026)."""
    gateway, queues, given = boto3.client("apigatewayv2"), boto3.client("sqs"), stack.parameters
    receiver = stack.function("Receiver")["Environment"]["Variables"]
    seen = [["allowed sources", given["AllowedSources"], receiver.get("ALLOWED_SOURCES")]]
    for name in FUNCTIONS:
        seen.append([f"tracing of the {name}", "Active", stack.function(name).get("TracingConfig", {}).get("Mode")])
    for output, url in stack.outputs.items():
        if output.endswith("QueueUrl"):
            attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            seen.append([f"key of {output}", given["KmsKeyArn"], attributes.get("KmsMasterKeyId")])
    stage = gateway.get_stages(ApiId=stack.physical["Api"])["Items"][0]
    group = boto3.client("logs").describe_log_groups(logGroupNamePrefix=stack.physical["ApiLogs"])["logGroups"][0]
    seen.append(["access log", group["arn"], stage.get("AccessLogSettings", {}).get("DestinationArn")])
    domain = gateway.get_domain_name(DomainName=given["DomainName"])["DomainNameConfigurations"][0]
    seen.append(["certificate of the domain", given["CertificateArn"], domain.get("CertificateArn")])
    mapped = [m["ApiId"] for m in gateway.get_api_mappings(DomainName=given["DomainName"])["Items"]]
    return seen + [["API behind the domain", stack.physical["Api"], " ".join(mapped)]]


if __name__ == "__main__":
    command = {f.__name__: f for f in (routes, variables, allow, spoil, roles, harden, hardened)}[sys.argv[1]]
    print(json.dumps(command(None if command is harden else Stack(sys.argv[2]))))
