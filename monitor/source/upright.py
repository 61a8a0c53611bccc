"""Pictures of a camera that was held sideways, turned as their file says they are to be shown."""

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray


def upright(picture: VideoFrame) -> VideoFrame:
    """The picture itself, or where its file says so, turned by quarters, in RGB."""
    quarters = round(picture.rotation / 90) % 4  # counted against the clock
    if not quarters:
        return picture
    image: NDArray[np.uint8] = picture.to_ndarray(format="rgb24")  # type: ignore[assignment]
    return VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(image, quarters)), "rgb24")
