"""Says of each line of JSON on stdin, {pem, properties, data (base64)}, what cursive makes of it: "valid", or why not."""

import base64
import json
import sys

from cryptography import exceptions, x509
from cryptography.hazmat.backends import default_backend
from cursive import exception, signature_utils

pem = b""
# The one thing that would ask a key manager.
signature_utils.get_certificate = lambda context, uuid: x509.load_pem_x509_certificate(
    pem, default_backend()
)

for line in sys.stdin:
    question = json.loads(line)
    pem = question["pem"].encode()
    try:
        verifier = signature_utils.get_verifier(context=None, **question["properties"])
        verifier.update(base64.b64decode(question["data"]))
        verifier.verify()
        print("valid")
    except exceptions.InvalidSignature:
        print("InvalidSignature")
    except exception.SignatureVerificationError as error:
        print(f"SignatureVerificationError {error}")
    except Exception as error:
        print(f"{type(error).__name__} {error}")
