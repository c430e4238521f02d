// Requests to the server, a few at a time.

const AT_A_TIME = 4;
const TOO_MANY = 503;

export class Detector {
  /** offer: what /v1/models answers. */
  constructor(offer) {
    this.mostBytes = offer.most_bytes;
    this.waiting = [];
    this.running = 0;
  }

  /** Return what a model finds in an encoded image, down to a score; an error says in a sentence what is wrong. */
  async detect(model, blob, confidence) {
    if (blob.size > this.mostBytes) {
      throw new Error(`The server takes at most ${this.mostBytes} bytes, and this has ${blob.size}.`);
    }
    if (this.running >= AT_A_TIME) await new Promise((resolve) => this.waiting.push(resolve));
    this.running += 1;
    try {
      return await this.request(`/v1/detect?${new URLSearchParams({ model, confidence })}`, blob);
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  async request(address, blob) {
    const response = await this.answered(address, blob);
    if (response.status === TOO_MANY) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("Retry-After"))));
      return this.request(address, blob);
    }
    const content = await response.json();
    if (!response.ok) throw new Error(content.error);
    return content;
  }

  async answered(address, blob) {
    try {
      return await fetch(address, { method: "POST", body: blob });
    } catch {
      throw new Error("The server does not answer. Is it running?");
    }
  }
}
