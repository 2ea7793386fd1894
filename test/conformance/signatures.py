"""Verifies an image as Nova does it, by cursive: signatures.py PROPERTIES.json IMAGE. The certificate comes from
Barbican, with the token in $OS_TOKEN. Ends with 1 where Nova would not boot from it."""

import json
import os
import sys

from castellan import key_manager, options
from castellan.common.credentials import keystone_token
from cursive import signature_utils
from oslo_config import cfg

options.set_defaults(
    cfg.CONF,
    backend="barbican",
    barbican_endpoint=os.environ["BARBICAN"],
    barbican_api_version="v1",
    auth_endpoint=os.environ["KEYSTONE"] + "/v3",
)
key_manager.API(cfg.CONF)

with open(sys.argv[1], encoding="utf8") as file:
    properties = json.load(file)
context = keystone_token.KeystoneToken(
    token=os.environ["OS_TOKEN"],
    auth_url=os.environ["KEYSTONE"] + "/v3",
    project_name="demo",
    project_domain_name="Default",
)
if not signature_utils.should_create_verifier(properties):
    sys.exit("There is no signature")
verifier = signature_utils.get_verifier(context=context, **properties)
with open(sys.argv[2], "rb") as image:
    while piece := image.read(1 << 20):
        verifier.update(piece)
verifier.verify()
