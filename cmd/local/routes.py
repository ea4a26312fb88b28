"""Gives a stack's HTTP APIs their routes on MiniStack, which does not read the OpenAPI body that SAM writes them into.

    python routes.py STACK

Reads the stack's own transformed template, so that method, path, payload format and time-out are those that AWS would use.
Prints one line of JSON: the APIs' ids by logical name, and the stack's outputs.
"""

import json
import sys

import boto3

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


def operations(body):
    """Yields the route key and the integration of every operation of an OpenAPI body."""
    for path, item in body["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation["x-amazon-apigateway-integration"]


def function_of(integration):
    """The logical name of the function behind an integration, out of arn:…:functions/${Name.Arn}/invocations."""
    uri = integration["uri"]["Fn::Sub"]
    return uri.rpartition("${")[2].partition(".Arn}")[0]


def main(stack):
    cloudformation = boto3.client("cloudformation")
    gateway = boto3.client("apigatewayv2")
    functions = boto3.client("lambda")

    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    described = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in described}

    apis = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::ApiGatewayV2::Api":
            continue
        api = apis[name] = physical[name]
        existing = {route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]}
        for key, wanted in operations(resource["Properties"]["Body"]):
            if key in existing:
                continue
            function = functions.get_function_configuration(FunctionName=physical[function_of(wanted)])
            integration = gateway.create_integration(
                ApiId=api,
                IntegrationType=wanted["type"].upper(),
                IntegrationMethod=wanted["httpMethod"],
                IntegrationUri=function["FunctionArn"],
                PayloadFormatVersion=wanted["payloadFormatVersion"],
                TimeoutInMillis=wanted["timeoutInMillis"],
            )
            gateway.create_route(ApiId=api, RouteKey=key, Target="integrations/" + integration["IntegrationId"])

    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    print(json.dumps({"apis": apis, "outputs": {output["OutputKey"]: output["OutputValue"] for output in outputs}}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
