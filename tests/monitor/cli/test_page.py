"""The page's process: what it imports."""

import subprocess
import sys


def test_it_starts_without_what_pictures_need() -> None:
    check = (
        "import sys, monitor.cli.page\n"
        "heavy = {'numpy', 'av', 'cv2', 'onnxruntime', 'alembic', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
