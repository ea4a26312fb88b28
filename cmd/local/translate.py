"""Translates templates as CloudFormation's SAM transform does, without a network, and prints both forms of each as JSON.

    python translate.py < texts.json

The input is a list of texts, the output a list as long. Each entry has "source", the template as written, and "transformed", what is
deployed, or "error", why there is no such thing. Parameters are left as they are.
"""

import copy
import json
import os
import sys

import yaml
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import intrinsics_multi_constructor

# SAM's own reader of YAML with the faster of PyYAML's two loaders underneath, where it is there.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LOADER.add_multi_constructor("!", intrinsics_multi_constructor)


class NoManagedPolicies:
    """The roles here are written out: a managed policy would be a fault, so none is known."""

    def load(self):
        return {}


def translated(text):
    source = yaml.load(text, LOADER)
    packaged = copy.deepcopy(source)
    for resource in packaged["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam package` would have uploaded it.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return {"source": source, "transformed": transform(packaged, {}, NoManagedPolicies())}


def main():
    # The partition of the ARNs that the transform writes follows the Region.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    answers = []
    for text in json.load(sys.stdin):
        try:
            answers.append(translated(text))
        except Exception as fault:  # Whatever stops the transform would stop a deployment.
            answers.append({"error": f"{type(fault).__name__}: {fault}"})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
