// A detector exported with `detect export --format onnx`, run by ONNX Runtime in the browser.
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

/** Load the export in a folder, an address that ends with a slash. */
export async function loadDetector(folder) {
  const [model, card] = await Promise.all(["model.json", "export.json"].map((name) => loadJson(folder + name)));
  const [height, width] = card.canvases[0];
  const session = await ort.InferenceSession.create(`${folder}${height}x${width}.onnx`);
  return new Detector(session, model, card, height, width);
}

async function loadJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`There is no ${address}. Where is the export? See README.md.`);
  return answer.json();
}

class Detector {
  constructor(session, model, card, height, width) {
    Object.assign(this, { session, card, height, width, classes: model.classes, fit: model.fit });
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.context.imageSmoothingQuality = "high";
  }

  /**
   * Return the objects in an image, best first: name, score and box, which is x1, y1, x2, y2 in pixels of the image.
   *
   * image: what a canvas can draw. width, height: of the image, pixels. confidence: least score.
   */
  async detect(image, width, height, confidence) {
    const scale = Math.min(this.height / height, this.width / width);
    const [scaleX, scaleY] = this.fit.kind === "stretch" ? [this.width / width, this.height / height] : [scale, scale];
    const rows = height * scaleY, columns = width * scaleX;
    this.context.fillStyle = `rgb(${this.fit.padding.map(Math.round)})`;
    this.context.fillRect(0, 0, this.width, this.height);
    this.context.drawImage(image, 0, 0, Math.round(columns), Math.round(rows));
    const pixels = this.context.getImageData(0, 0, this.width, this.height).data;
    const options = { extents: [rows, columns], confidence: [confidence], iou: [this.card.iou] };
    const { boxes, scores, labels } = await this.run({ images: withoutAlpha(pixels), ...options }, 1);
    const objects = [];
    for (let row = 0; row < labels.length && labels[row] >= 0; row++) { // best first, then padding
      const [x1, y1, x2, y2] = boxes.subarray(4 * row, 4 * row + 4);
      const box = [x1 / scaleX, y1 / scaleY, x2 / scaleX, y2 / scaleY];
      objects.push({ name: this.classes[labels[row]], score: scores[row], box });
    }
    return objects;
  }

  /** Return the outputs of the model by name, for inputs by name; images: RGB, 0 to 255. */
  async run({ images, extents, confidence, iou }, batch) {
    const shape = [batch, this.height, this.width, 3];
    const isExact = this.fit.resampling === "exact"; // such models take float32
    const tensors = {
      images: isExact ? new ort.Tensor(Float32Array.from(images), shape) : new ort.Tensor(images, shape),
      extents: new ort.Tensor("float32", Float32Array.from(extents), [batch, 2]),
      confidence: new ort.Tensor("float32", Float32Array.from(confidence), []),
      iou: new ort.Tensor("float32", Float32Array.from(iou), []),
    };
    const outputs = await this.session.run(tensors);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
  }
}

/** Return pixels as red, green and blue only. */
function withoutAlpha(pixels) {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    rgb[to++] = pixels[from];
    rgb[to++] = pixels[from + 1];
    rgb[to++] = pixels[from + 2];
  }
  return rgb;
}
