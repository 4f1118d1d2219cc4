#!/usr/bin/env bash
# Sizes beside other clients of web APIs: each is installed into an environment of its own under a temporary folder.
# `bash benchmarks/sizes.sh` prints the table; CPU times are the least of five processes.
set -euo pipefail
cd "$(dirname "$0")/.."
checkout=$PWD
folder=$(mktemp -d)
echo "hishel<2" >"$folder/constraints.txt"  # githubkit 0.16 allows 2.0, and does not import with it
trap 'rm -rf "$folder"' EXIT

least() {  # milliseconds of CPU for a statement
    for _ in 1 2 3 4 5; do
        "$1/bin/python" -c "import time; at = time.process_time(); $2; print(round((time.process_time() - at) * 1000))"
    done | sort -n | head -1
}

echo "| | wheel, kB | distributions | installed, kB | import, ms | client class, ms |"
echo "|---|--:|--:|--:|--:|--:|"
while IFS=: read -r name what module client; do
    python3 -m venv "$folder/$name"
    "$folder/$name/bin/python" -m pip wheel -qq --no-deps -w "$folder/wheel-$name" "$what"
    "$folder/$name/bin/python" -m pip install -qq --no-compile -c "$folder/constraints.txt" "$folder/wheel-$name"/*.whl
    site=$("$folder/$name/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$folder/$name/bin/python" -c "import $module" 2>/dev/null || { echo "| $name | does not import | | | | |"; continue; }
    "$folder/$name/bin/python" -c "$client"  # compiles
    echo "| $name | $(($(stat -c %s "$folder/wheel-$name"/*.whl) / 1024))" \
        "| $("$folder/$name/bin/python" -m pip list --format=freeze | grep -cviE '^(pip|setuptools|wheel)=')" \
        "| $(du -sk --exclude='pip*' --exclude='setuptools*' --exclude='_distutils_hack' --exclude=__pycache__ "$site" | cut -f1)" \
        "| $(least "$folder/$name" "import $module") | $(least "$folder/$name" "$client") |"
done <<EOT
airmeet-async:$checkout:airmeet_async:from airmeet_async import AirmeetClient
openai:openai:openai:from openai import AsyncOpenAI
stripe:stripe:stripe:from stripe import StripeClient
httpx:httpx:httpx:from httpx import AsyncClient
githubkit:githubkit:githubkit:from githubkit import GitHub
EOT
