"""Tries what a stack's functions may do, and what they may not, against an AWS that checks every call.

    python roles.py complete STACK
    python roles.py try STACK

MiniStack takes SQS's batch calls for actions of their own, sqs:SendMessageBatch and the like. AWS has none of these: who may send one
message may send ten. "complete" therefore adds to each role, for every single action that it has, the batch on the same queues.

"try" proves the roles. For each function a second one is made for a moment, with the same role, that makes calls and says how each ended. Prints one line of JSON: a
list of the calls, each with the function, what was tried, "allowed" or "denied" as it should be, and what came of it.
"""

import io
import json
import sys
import zipfile

import boto3

# What the second function runs. A call is its service, operation and arguments, and whether it comes without TLS: then it says so as a
# proxy does that takes plain HTTP and passes it on.
CALLER = '''
import boto3
from botocore.exceptions import ClientError

def plain(request, **_):
    request.headers["X-Forwarded-Proto"] = "http"

def handler(calls, _):
    answers = []
    for service, operation, arguments, tls in calls:
        client = boto3.client(service)
        if not tls:
            client.meta.events.register("before-send", plain)
        try:
            getattr(client, operation)(**arguments)
            answers.append("allowed")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            answers.append("denied" if "AccessDenied" in code else code)
    return answers
'''


# The single actions that cover a batch on AWS (Amazon SQS API permissions, November 2026).
BATCHES = {"sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}


def zipped(text):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("caller.py", text)
    return packed.getvalue()


def trials(outputs, account):
    """What is tried with each function's role."""
    prefix = outputs["SecretsPrefix"]

    def secret(name):
        return ("secretsmanager", "get_secret_value", {"SecretId": name})

    def send(queue):
        arguments = {"QueueUrl": queue, "MessageBody": "x"}
        if queue.endswith(".fifo"):
            arguments |= {"MessageGroupId": "roles", "MessageDeduplicationId": "roles"}
        return ("sqs", "send_message", arguments)

    def on(operation, queue):
        return ("sqs", operation, {"QueueUrl": queue})

    fifo, standard, rejected = outputs["EventsFifoQueueUrl"], outputs["EventsStandardQueueUrl"], outputs["RejectedQueueUrl"]
    dead = outputs["EventsFifoDeadLetterQueueUrl"]
    table = outputs.get("SubscribersTable")
    yield "ReceiverFunction", [
        ("its app's signing secret", "allowed", secret(f"{prefix}/demo/purchasely")),
        ("CleverTap's credentials", "denied", secret(f"{prefix}/demo/clevertap")),
        ("a secret under another prefix", "denied", secret("foreign/demo/purchasely")),
        ("writing its own secret", "denied", ("secretsmanager", "put_secret_value", {"SecretId": f"{prefix}/demo/purchasely", "SecretString": "x"})),
        ("listing secrets", "denied", ("secretsmanager", "list_secrets", {})),
        ("a foreign queue", "denied", send(account["foreign"])),
        ("the rejected queue", "denied", send(rejected)),
        ("receiving from its queue", "denied", on("receive_message", fifo)),
        ("purging its queue", "denied", on("purge_queue", fifo)),
        ("its queue over plain HTTP", "denied", send(fifo) + (False,)),
        ("the other queue over plain HTTP", "denied", send(standard) + (False,)),
    ]
    yield "ForwarderFunction", [
        ("its app's credentials", "allowed", secret(f"{prefix}/demo/clevertap")),
        ("the signing secret", "denied", secret(f"{prefix}/demo/purchasely")),
        ("a secret under another prefix", "denied", secret("foreign/demo/clevertap")),
        ("the state of its queue", "allowed", ("sqs", "get_queue_attributes", {"QueueUrl": fifo, "AttributeNames": ["All"]})),
        ("sending to its own queue", "denied", send(fifo)),
        ("a foreign queue", "denied", send(account["foreign"])),
        ("receiving from a foreign queue", "denied", on("receive_message", account["foreign"])),
        ("receiving from the dead-letter queue", "denied", on("receive_message", dead)),
        ("receiving from the rejected queue", "denied", on("receive_message", rejected)),
        ("the rejected queue over plain HTTP", "denied", send(rejected) + (False,)),
        ("receiving over plain HTTP", "denied", on("receive_message", fifo) + (False,)),
        ("purging the rejected queue", "denied", on("purge_queue", rejected)),
    ] + ([
        ("a subscriber of its table", "allowed", ("dynamodb", "batch_get_item", {"RequestItems": {table: {"Keys": [{"subscriber": {"S": "x"}}]}}})),
        ("every subscriber", "denied", ("dynamodb", "scan", {"TableName": table})),
        ("deleting a subscriber", "denied", ("dynamodb", "delete_item", {"TableName": table, "Key": {"subscriber": {"S": "x"}}})),
        ("a foreign table", "denied", ("dynamodb", "put_item", {"TableName": "foreign", "Item": {"subscriber": {"S": "x"}}})),
    ] if table else [])


def outputs_of(stack):
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def role_of(function):
    return boto3.client("lambda").get_function_configuration(FunctionName=function)["Role"]


def complete(stack):
    """Adds the batches."""
    iam = boto3.client("iam")
    outputs = outputs_of(stack)
    for output in ("ReceiverFunction", "ForwarderFunction"):
        role = role_of(outputs[output]).rpartition("/")[2]
        added = []
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                if batches := [action + "Batch" for action in actions if action in BATCHES]:
                    added.append(statement | {"Action": batches})
        document = {"Version": "2012-10-17", "Statement": added}
        iam.put_role_policy(RoleName=role, PolicyName="batches", PolicyDocument=json.dumps(document))


def try_out(stack):
    """Makes the calls."""
    outputs = outputs_of(stack)
    functions = boto3.client("lambda")
    secrets = boto3.client("secretsmanager")
    for kind in ("purchasely", "clevertap"):
        secrets.create_secret(Name=f"foreign/demo/{kind}", SecretString="{}")
    boto3.client("dynamodb").create_table(
        TableName="foreign", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "subscriber", "AttributeType": "S"}], KeySchema=[{"AttributeName": "subscriber", "KeyType": "HASH"}],
    )
    account = {"foreign": boto3.client("sqs").create_queue(QueueName="foreign")["QueueUrl"]}

    tried = []
    for output, list_of_trials in trials(outputs, account):
        name = f"roles-{output}"
        functions.create_function(
            FunctionName=name, Role=role_of(outputs[output]), Runtime="python3.12", Handler="caller.handler", Code={"ZipFile": zipped(CALLER)}, Timeout=60,
        )
        calls = [call if len(call) == 4 else (*call, True) for _, _, call in list_of_trials]
        answer = json.load(functions.invoke(FunctionName=name, Payload=json.dumps(calls))["Payload"])
        functions.delete_function(FunctionName=name)
        if not isinstance(answer, list):
            sys.exit(f"{name}: {answer}")
        for (what, want, _), got in zip(list_of_trials, answer, strict=True):
            tried.append({"function": output.removesuffix("Function"), "what": what, "want": want, "got": got})
    print(json.dumps(tried))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["complete", stack]:
            complete(stack)
        case ["try", stack]:
            try_out(stack)
        case _:
            sys.exit(__doc__)
