#!/usr/bin/env python3
"""Azure Batch's published REST definitions as a judge of JSON bodies.

    batch_definitions.py [--data DIR] [--api VERSION] --validate DEFINITION FILE…
    batch_definitions.py [--data DIR] [--api VERSION] --requests FILE

--validate: each FILE holds one body of the definition (JobAddParameter, PoolAddParameter, …), `-` is standard
input; --response: the body of an answer, where read-only keys are in order. --requests: FILE holds
{"requests": [{"method": "POST", "path": "/jobs?api-version=…", "body": {…}}, …]}; the method and the path of
each say which definition its body must fit. DIR has `batch/openapi/VERSION/BatchService.json` below it:
$SHIPYARD_TEST_DATA, or shared/data beside the project. Each fault is a line, `FILE: JSON path: what is
wrong`. Exit status: 0 no fault, 1 faults, 2 usage, 77 no definitions.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import sys
import urllib.parse

import jsonschema

MISSING = 77  # CTest takes it for "skipped"


class DefinitionsMissing(Exception):
    """The definitions are not part of the project, so that they may be absent."""


def data_directory(given=None):
    here = pathlib.Path(__file__).resolve()
    return pathlib.Path(
        given or os.environ.get("SHIPYARD_TEST_DATA") or here.parents[2].parent / "shared" / "data"
    )


# The service reads durations as XML Schema does: no weeks.
DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
FORMATS = jsonschema.FormatChecker(formats=[])


@FORMATS.checks("duration")
def is_duration(value):
    return not isinstance(value, str) or DURATION.fullmatch(value) is not None


@FORMATS.checks("date-time")
def is_date_time(value):
    if not isinstance(value, str):
        return True
    # Seven digits of a second are usual with Batch; Python reads six.
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", value)
    if match is None:
        return False
    try:
        datetime.datetime.fromisoformat(match.group(1))
    except ValueError:
        return False
    return True


def fits(bits):
    return lambda value: not isinstance(value, int) or -(1 << (bits - 1)) <= value < (1 << (bits - 1))


FORMATS.checks("int32")(fits(32))
FORMATS.checks("int64")(fits(64))


def refuse_read_only(_validator, refused, _instance, _schema):
    if refused:
        yield jsonschema.ValidationError("is read-only: a request must not carry it")


# Swagger 2.0 builds on JSON Schema's draft 4, where 2.0 is no integer.
Validator = jsonschema.validators.extend(jsonschema.Draft4Validator, {"x-refused": refuse_read_only})


def tightened(schema, request):
    """A swagger schema as a JSON schema that knows every key: what is not named is refused.

    Objects that are maps by definition (resourceTags), and those that say nothing of their keys (the settings
    of a VM extension), stay open.
    """
    if schema.get("readOnly") and request:
        return {"x-refused": True}
    result = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: tightened(part, request) for name, part in value.items()}
            result.setdefault("additionalProperties", False)
        elif key == "additionalProperties":
            result[key] = tightened(value, request) if isinstance(value, dict) else value
        elif key == "items":
            result[key] = tightened(value, request)
        elif key in ("allOf", "anyOf", "oneOf"):
            # A base and what is derived from it would refuse each other's keys. Batch has none of these.
            raise ValueError(f"{key} is not provided for")
        elif key in (
            "type",
            "$ref",
            "enum",
            "required",
            "format",
            "pattern",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "uniqueItems",
        ):
            result[key] = value
    if schema.get("x-nullable") or schema.get("nullable"):
        return {"anyOf": [{"type": "null"}, result]}
    return result


def json_path(parts):
    text = "$"
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text


def parameters_of(document, path_item, operation):
    for parameter in path_item.get("parameters", []) + operation.get("parameters", []):
        if "$ref" in parameter:
            parameter = document["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        yield parameter


class Operation:
    """One method of one path: the definitions of its bodies, and the query parameters that it knows."""

    def __init__(self, document, method, template, path_item):
        description = path_item[method]
        self.method = method.upper()
        self.template = template
        # A file's path is the rest of the URL, with slashes where the client has not escaped them.
        pattern = re.sub(
            r"\\{(\w+)\\}", lambda m: "(.+)" if m.group(1) == "filePath" else "([^/]+)", re.escape(template)
        )
        self.pattern = re.compile(pattern)
        self.body = None
        self.body_required = False
        self.query = set()
        for parameter in parameters_of(document, path_item, description):
            if parameter["in"] == "query":
                self.query.add(parameter["name"])
            elif parameter["in"] == "body":
                self.body = parameter["schema"]["$ref"].rsplit("/", 1)[1]
                self.body_required = parameter.get("required", False)
        self.answers = {
            status: answer["schema"]["$ref"].rsplit("/", 1)[1]
            for status, answer in description["responses"].items()
            if "$ref" in answer.get("schema", {})
        }


class Definitions:
    def __init__(self, data=None, api=None):
        openapi = data_directory(data) / "batch" / "openapi"
        versions = sorted(entry.parent.name for entry in openapi.glob("*/BatchService.json"))
        if not versions or (api and api not in versions):
            raise DefinitionsMissing(f"no definitions of Batch{' ' + api if api else ''} under {openapi}")
        self.api = api or versions[-1]
        document = json.loads((openapi / self.api / "BatchService.json").read_text(encoding="utf-8"))
        self.schemas = {
            request: {name: tightened(schema, request) for name, schema in document["definitions"].items()}
            for request in (True, False)
        }
        self.operations = [
            Operation(document, method, template, methods)
            for template, methods in document["paths"].items()
            for method in methods
            if method != "parameters"
        ]

    def validate(self, body, name, request=True):
        """Messages, each with its JSON path; empty where `body` fits the definition `name`."""
        schemas = self.schemas[request]
        if name not in schemas:
            raise KeyError(f"Batch has no definition {name}")
        validator = Validator(
            {"$ref": f"#/definitions/{name}", "definitions": schemas}, format_checker=FORMATS
        )
        messages = []
        for error in validator.iter_errors(body):
            path = list(error.absolute_path)
            if error.validator == "additionalProperties" and error.validator_value is False:
                known = error.schema.get("properties", {})
                # One message for each unknown key, with the path of the key itself.
                for key in sorted(set(error.instance) - set(known)):
                    messages.append(f"{json_path(path + [key])}: is not known here")
            elif error.validator == "required":
                for key in error.validator_value:
                    if key not in error.instance and f"'{key}'" in error.message:
                        messages.append(f"{json_path(path + [key])}: is missing")
            else:
                messages.append(f"{json_path(path)}: {error.message}")
        return sorted(messages)

    def operation(self, method, path):
        """The operation of a method and a path (with or without a query), or None."""
        plain = urllib.parse.urlsplit(path).path
        # A file's path may match more than its own: the longest template is meant, and among the equally long
        # the one with the fewest names to fill in.
        fitting = [
            operation
            for operation in self.operations
            if operation.method == method.upper() and operation.pattern.fullmatch(plain)
        ]
        return max(fitting, key=lambda o: (o.template.count("/"), -o.template.count("{")), default=None)

    def body_definition(self, method, path):
        """The name of the definition of a request's body; None where there is no body, or no such path."""
        operation = self.operation(method, path)
        return operation.body if operation else None

    def validate_request(self, method, path, body):
        """Messages for one request as a whole: the path, its query, and its body."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path}: Batch has no such operation"]
        messages = []
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query, keep_blank_values=True)
        if "api-version" not in query:
            messages.append(f"{method} {path}: api-version is missing")
        for name in sorted(set(query) - operation.query):
            messages.append(f"{method} {path}: the query parameter {name} is not known here")
        if body is None:
            if operation.body_required:
                messages.append(f"{method} {path}: the body is missing ({operation.body})")
        elif operation.body is None:
            messages.append(f"{method} {path}: takes no body")
        else:
            messages += [f"{method} {path}: {message}" for message in self.validate(body, operation.body)]
        return messages

    def validate_answer(self, method, path, status, body):
        """Messages for an answer's JSON text."""
        operation = self.operation(method, path)
        name = "BatchError" if status >= 400 else operation and operation.answers.get(str(status))
        if not name:
            return [f"{method} {path}: no body is defined for {status}"] if body else []
        document = {key: value for key, value in json.loads(body).items() if key != "odata.metadata"}
        return [f"{method} {path}: {message}" for message in self.validate(document, name, request=False)]


def read_json(name):
    with sys.stdin if name == "-" else open(name, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description="Judges JSON bodies by Batch's published definitions.")
    parser.add_argument("--data")
    parser.add_argument("--api", help="such as 2024-02-01.19.0; the newest there is")
    parser.add_argument(
        "--response", action="store_true", help="bodies of answers: read-only keys are in order"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--validate", metavar="DEFINITION")
    what.add_argument("--requests", metavar="FILE")
    parser.add_argument("files", nargs="*", metavar="FILE")
    options = parser.parse_args()
    if bool(options.validate) != bool(options.files):
        parser.error("--validate wants files after the definition's name, --requests none")
    try:
        definitions = Definitions(options.data, options.api)
    except DefinitionsMissing as missing:
        print(f"batch_definitions: {missing}", file=sys.stderr)
        return MISSING
    faults = []
    for name in options.files or [options.requests]:
        try:
            document = read_json(name)
            if options.validate:
                faults += [
                    f"{name}: {message}"
                    for message in definitions.validate(document, options.validate, not options.response)
                ]
                continue
            for request in document["requests"]:
                faults += [
                    f"{name}: {message}"
                    for message in definitions.validate_request(
                        request["method"], request["path"], request.get("body")
                    )
                ]
        except (OSError, json.JSONDecodeError, TypeError, KeyError) as error:
            faults.append(f"{name}: {error}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
