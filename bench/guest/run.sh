#!/bin/sh
# What the guest runs; its answer is in /tmp/out/instructions.json.
exec node drive.mjs
