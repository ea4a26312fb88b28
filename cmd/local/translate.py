"""Translates template.yaml as CloudFormation's SAM transform does, without a network, and prints both forms as JSON.

    python translate.py < template.yaml

The output has "source", the template as written, and "transformed", what is deployed. Parameters are left as they are.
"""

import copy
import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The roles here are written out: a managed policy would be a fault, so none is known."""

    def load(self):
        return {}


def main():
    # The partition of the ARNs that the transform writes follows the Region.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    source = yaml_parse(sys.stdin.read())
    packaged = copy.deepcopy(source)
    for resource in packaged["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam package` would have uploaded it.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    transformed = transform(packaged, {}, NoManagedPolicies())
    json.dump({"source": source, "transformed": transformed}, sys.stdout)


if __name__ == "__main__":
    main()
