"""What is linked into the programs that this project ships, and under which licences.

    modules.py licences          lists every module with its licences; fails on one that is not in the list below
    modules.py sbom FILE         writes a software bill of materials (CycloneDX 1.6, JSON)

The modules are those whose packages the programs import, directly or not, on the systems that they are built for: not what go.mod asks
for, but what is shipped. The licences are read from the modules' own files in Go's module cache. A bill has no date and no random number
in it, so that the same modules have the same bill.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

# What may be shipped to customers without giving anything but credit.
ALLOWED = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"}

# The programs, and what they are built for. The command-line tool needs other modules on other systems.
PROGRAMS = [
    ("functions/receiver", "linux", "arm64"),
    ("functions/forwarder", "linux", "arm64"),
    ("functions/relay", "linux", "arm64"),
    ("functions/users", "linux", "arm64"),
    ("functions/heartbeat", "linux", "arm64"),
    ("cmd/bridge", "linux", "amd64"),
    ("cmd/bridge", "darwin", "arm64"),
    ("cmd/bridge", "windows", "amd64"),
]

# Words that only one licence has, in the order in which they are looked for.
WORDS = [
    ("Apache-2.0", "apache license version 2.0"),
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation "
            "files (the \"software\"), to deal in the software without restriction, including without limitation the rights to use, copy, "
            "modify, merge, publish, distribute, sublicense, and/or sell copies of the software, and to permit persons to whom the software "
            "is furnished to do so, subject to the following conditions: the above copyright notice and this permission notice shall be "
            "included in all copies or substantial portions of the software."),
    ("MIT-0", "sell copies of the software, and to permit persons to whom the software is furnished to do so. the software is provided"),
    ("BSD-3-Clause", "be used to endorse or promote products derived from this software without specific prior written permission"),
    ("BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"),
    ("ISC", "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"),
]


def go(*args, **env):
    return subprocess.run(["go", *args], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}).stdout


def licence(text):
    """The SPDX name of a licence's text, "unknown" if it is none that we know."""
    plain = " ".join(re.sub(r"[“”]", '"', text).lower().split())
    return next((name for name, words in WORDS if words in plain), "unknown")


def licences(folder):
    """The licences of a module by file; LICENSE-SUMMARY and PATENTS are no licences of the code."""
    names = [name for name in os.listdir(folder) if re.match(r"(?i)(licen[cs]e|copying)", name) and not name.endswith("-SUMMARY")]
    return {name: licence(pathlib.Path(folder, name).read_text(errors="replace")) for name in sorted(names)}


def programs():
    """The modules of each program, as pairs of path and version."""
    for package, system, processor in PROGRAMS:
        form = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}"
        lines = go("list", "-deps", "-f", form, "./" + package, GOOS=system, GOARCH=processor).splitlines()
        yield f"{package} for {system}/{processor}", sorted({tuple(line.split()) for line in lines if line})


def folders(names):
    """Where the modules lie, fetched if they are not in the cache."""
    wanted = [f"{path}@{version}" for path, version in names]
    listed = json.loads("[" + go("mod", "download", "-json", *wanted).replace("}\n{", "},{") + "]")
    return {(module["Path"], module["Version"]): module["Dir"] for module in listed}


def check():
    where = folders({module for _, needed in programs() for module in needed})
    # Go's own library is in every program too.
    where["std", go("env", "GOVERSION").strip()] = go("env", "GOROOT").strip()
    faults = []
    for (path, version), folder in sorted(where.items()):
        names = licences(folder)
        print(f"   {path} {version}: {', '.join(sorted(set(names.values()))) or 'none'}")
        if not names:
            faults.append(f"{path}: has no licence file")
        faults += [f"{path}: {file} is {name}, which is not on the list" for file, name in names.items() if name not in ALLOWED]
    if faults:
        sys.exit("\n".join(faults))


def component(kind, name, version, **more):
    return {"type": kind, "bom-ref": f"{name}@{version}", "name": name, "version": version, "purl": f"pkg:golang/{name}@{version}", **more}


def bill():
    """The bill of materials."""
    built = list(programs())
    where = folders({module for _, needed in built for module in needed})
    sums = dict(line.rsplit(" ", 1) for line in pathlib.Path("go.sum").read_text().splitlines())
    std = component("library", "std", go("env", "GOVERSION").strip().removeprefix("go"))
    components = [std]
    for path, version in sorted(where):
        names = sorted(set(licences(where[path, version]).values()))
        components.append(component(
            "library", path, version,
            licenses=[{"license": {"id": name}} for name in names],
            properties=[{"name": "go.sum", "value": sums[f"{path} {version}"]}],
        ))
    links = []
    for name, needed in built:
        components.append({"type": "application", "bom-ref": name, "name": name})
        links.append({"ref": name, "dependsOn": [f"{path}@{version}" for path, version in needed] + [std["bom-ref"]]})
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "bridge", "name": go("list", "-m").strip()}},
        "components": components, "dependencies": links,
    }
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True)).urn
    return document


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["licences"]:
            check()
        case ["sbom", path]:
            document = bill()
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_text(json.dumps(document, indent=2) + "\n")
            print(f"   {len(document['components'])} components in {path}")
        case _:
            sys.exit(__doc__)
