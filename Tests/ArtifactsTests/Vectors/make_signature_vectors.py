"""Writes signature-v4.json: requests signed by botocore, an independent implementation of AWS Signature Version 4.

Usage: python make_signature_vectors.py > signature-v4.json      (needs botocore; the result is committed)
"""

import datetime
import hashlib
import json
from unittest import mock
from urllib.parse import quote

import botocore
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MOMENT = datetime.datetime(2026, 11, 21, 8, 39, 7, tzinfo=datetime.timezone.utc)
PLAIN = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
SESSION = ("ASIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FQoGZXIvYXdzEBYaD/+token=with+signs==")


def case(name, method="GET", key="", query=(), headers=(), body=b"", unsigned=False, keys=PLAIN, service="s3",
         host="bucket.s3.eu-central-1.amazonaws.com", scheme="https", path=None):
    return locals()


CASES = [
    case("the root of a bucket"),
    case("a plain key", key="data/train.csv"),
    case("an empty payload by PUT", "PUT", "empty"),
    case("a payload", "PUT", "data/train.csv", body=b"alpha,beta\n1,2\n"),
    case("a payload that is not covered", "PUT", "data/train.csv", body=b"alpha,beta\n1,2\n", unsigned=True),
    case("a session token", key="data/train.csv", keys=SESSION),
    case("blanks and signs in a key", key="a b/c+d/e%20f/(g)*'!,;=@$&:"),
    case("unicode in a key", key="größe/データ/🚂.txt"),
    case("doubled slashes", key="a//b///c"),
    case("dots in a key", key="a/../b/./c..d"),
    case("a tilde and a hash", key="~user/#1?x=y"),
    case("a sorted query", query=[("prefix", "a/"), ("list-type", "2"), ("delimiter", "/"), ("max-keys", "1000")]),
    case("names that sort by bytes", query=[("b", "1"), ("B", "2"), ("a", "3"), ("a-", "4"), ("a.", "5"), ("aa", "6")]),
    case("one name with several values", query=[("a", "2"), ("a", "1"), ("a", "10"), ("a", "")]),
    case("unicode, blanks and signs in a query", query=[("prefix", "größe/a b+c&d=e%20f/🚂~"), ("encoding-type", "url")]),
    case("a query without value", "POST", "big.bin", query=[("uploads", "")]),
    case("a part", "PUT", "big.bin", query=[("partNumber", "7"), ("uploadId", "VXBsb2FkIElE.LQ--+/=")], body=b"part"),
    case("headers with capitals and blanks", "PUT", "x", body=b"1",
         headers=[("X-Amz-Meta-Name", "  two   words "), ("Content-Type", "text/plain"), ("Range", "bytes=0-9")]),
    case("headers of encryption, with a token", "PUT", "x", body=b"1", keys=SESSION,
         headers=[("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:x")]),
    case("path style with a port", key="data/train.csv", host="127.0.0.1:9000", scheme="http", path="/bucket/data/train.csv"),
    case("a HEAD", "HEAD", "data/train.csv"),
    case("a DELETE", "DELETE", "data/train.csv", query=[("uploadId", "abc")]),
    case("a bucket of another region's host", key="k", host="s3.cn-north-1.amazonaws.com.cn", path="/bucket/k"),
    case("another service", "POST", service="sts", host="sts.eu-central-1.amazonaws.com", path="/",
         headers=[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
         body=b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&Version=2011-06-15"),
]


def sign(item):
    path = item["path"] or "/" + item["key"]
    encoded_path = quote(path, safe="/~")
    query = "&".join(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in item["query"])
    url = f"{item['scheme']}://{item['host']}{encoded_path}" + (f"?{query}" if query else "")
    request = AWSRequest(item["method"], url, data=item["body"], headers=dict(item["headers"]))
    request.context["payload_signing_enabled"] = not item["unsigned"]
    credentials = Credentials(*item["keys"])
    if item["service"] == "s3":
        signer = auth.S3SigV4Auth(credentials, "s3", "eu-central-1")
        if item["unsigned"]:
            signer._should_sha256_sign_payload = lambda request: False
        else:
            signer._should_sha256_sign_payload = lambda request: True
    else:
        signer = auth.SigV4Auth(credentials, item["service"], "eu-central-1")
    with mock.patch.object(auth, "get_current_datetime", lambda *a, **k: MOMENT.replace(tzinfo=None)):
        signer.add_auth(request)
    return {
        "name": item["name"], "key": item["key"] if item["path"] is None else None, "method": item["method"], "host": item["host"], "path": encoded_path,
        "query": [list(pair) for pair in item["query"]], "headers": [list(pair) for pair in item["headers"]],
        "payload": "UNSIGNED-PAYLOAD" if item["unsigned"] else hashlib.sha256(item["body"]).hexdigest(),
        "accessKeyID": item["keys"][0], "secretAccessKey": item["keys"][1], "sessionToken": item["keys"][2],
        "service": item["service"], "authorization": request.headers["Authorization"],
        "date": request.headers["X-Amz-Date"],
    }


print(json.dumps({
    "botocore": botocore.__version__, "region": "eu-central-1", "secondsSinceEpoch": int(MOMENT.timestamp()),
    "vectors": [sign(item) for item in CASES],
}, indent=1, ensure_ascii=False))
