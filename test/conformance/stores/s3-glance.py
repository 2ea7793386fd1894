#!/usr/bin/python3
"""Stores what comes on the standard input as an image of Glance's own S3 store, in several parts, and prints its URL.
Usage: s3-glance.py HOST ACCESS_KEY SECRET_KEY BUCKET ID"""

import io
import sys

import glance_store
from oslo_config import cfg

host, access_key, secret_key, bucket, image_id = sys.argv[1:]
conf = cfg.ConfigOpts()
glance_store.register_opts(conf)
conf([], default_config_files=[])
options = {
    "stores": ["s3"],
    "default_store": "s3",
    "s3_store_host": host,
    "s3_store_access_key": access_key,
    "s3_store_secret_key": secret_key,
    "s3_store_bucket": bucket,
    "s3_store_create_bucket_on_put": True,
    "s3_store_large_object_size": 5,
    "s3_store_large_object_chunk_size": 5,
}
for name, value in options.items():
    conf.set_override(name, value, group="glance_store")
glance_store.create_stores(conf)
data = sys.stdin.buffer.read()
store = glance_store.get_store_from_scheme("s3")
print(store.add(image_id, io.BytesIO(data), len(data), "sha256")[0])
