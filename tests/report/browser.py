"""A report opened in a browser, and what tests ask of it."""

from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Page

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Bytes = npt.NDArray[np.uint8]


def slow(value: object) -> Any:
    """A test's parameter that `make quick` leaves out."""
    return pytest.param(value, marks=pytest.mark.slow)


SCHEMES = ("light", slow("dark"))


class Opened:
    """A page in the browser, with all that it said and asked for."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        context = {"viewport": {"width": 1280, "height": 900}, **options}
        self.page: Page = browser.new_context(**context).new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_function("document.documentElement.dataset.state === 'drawn'")

    def close(self) -> None:
        self.page.context.close()

    def foreign(self) -> list[str]:
        """Requests for anything but the page itself."""
        own = [url for url in self.asked if not url.startswith("data:")]
        return own[1:]

    def detail(self) -> str:
        return self.page.inner_text("#detail")

    def state(self) -> dict[str, Any]:
        """What the controls and the figure's axis say."""
        script = """() => ({
            order: document.getElementById('order').value,
            whole: document.getElementById('whole').hidden,
            range: document.getElementById('range').textContent,
        })"""
        return dict(self.page.evaluate(script))

    def plot(self) -> dict[str, float]:
        """The rectangle of the picture of all panels, in CSS pixels."""
        script = """() => {
            const box = document.querySelector('#heat svg image').getBoundingClientRect();
            return {x: box.x, y: box.y, width: box.width, height: box.height};
        }"""
        return dict(self.page.evaluate(script))

    def redrawn(self, act: str) -> None:
        """Runs a script, and waits until the heatmap is drawn again."""
        self.page.evaluate(
            f"""() => new Promise((done) => {{
                const heat = document.getElementById('heat');
                heat.addEventListener('drawn', done, {{ once: true }});
                {act};
            }})"""
        )

    def choose(self, control: str, value: str) -> None:
        act = f"""const control = document.getElementById('{control}');
            control.value = '{value}';
            for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind))"""
        self.redrawn(act)


def decoded(page: Page, png: bytes) -> Bytes:
    """The pixels (height x width x 3) of a PNG, as the browser decodes it."""
    script = """async (text) => {
        const image = new Image();
        image.src = 'data:image/png;base64,' + text;
        await image.decode();
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const data = context.getImageData(0, 0, image.width, image.height).data;
        let result = '';
        for (let i = 0; i < data.length; i += 30000) {
            result += String.fromCharCode(...data.subarray(i, i + 30000));
        }
        return [image.height, image.width, btoa(result)];
    }"""
    height, width, text = page.evaluate(script, b64encode(png).decode())
    pixels = np.frombuffer(b64decode(text), np.uint8).reshape(height, width, 4)
    return np.asarray(pixels[:, :, :3])
