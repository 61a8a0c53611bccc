"""How long clips are kept."""

import time
from pathlib import Path

DAY_S = 86_400.0


def delete_old_clips(folder: Path, max_gib: float, keep_days: float) -> int:
    """Delete the oldest clips, until what is left fits; how many were deleted.

    Only FOLDER/DATE/CAMERA/*.mp4 are counted and deleted: what else lies there is not ours. Clips
    that somebody else deletes meanwhile, or that cannot be deleted, are passed over.
    """
    found = []
    for path in folder.glob("????-??-??/*/*.mp4"):
        try:
            about = path.stat()
        except OSError:
            continue
        found.append((about.st_mtime, about.st_size, path))
    found.sort()
    left = sum(size for _, size, _ in found)
    oldest_s = time.time() - keep_days * DAY_S
    deleted = 0
    for changed_s, size, path in found:
        if changed_s >= oldest_s and left <= max_gib * 2**30:
            break
        try:
            path.unlink()
            for parent in (path.parent, path.parent.parent):
                parent.rmdir()
        except OSError:  # the folder is not empty, or the clip not ours to delete
            pass
        if not path.exists():
            deleted += 1
            left -= size
    return deleted
