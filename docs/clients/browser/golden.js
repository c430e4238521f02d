// The images in the golden.npz of an export, and what was found in them where it was made. See ../README.md.

const COPY = 0x04034b50; // what an entry of a zip archive begins with
const TYPES = { "|u1": Uint8Array, "<f4": Float32Array, "<i4": Int32Array };

/** Run the images of the golden vectors, and return a sentence that says whether the model finds the same in them. */
export async function check(detector, folder) {
  const arrays = readNpz(await (await fetch(`${folder}golden.npz`)).arrayBuffer());
  const call = (name) => arrays.get(`${detector.height}x${detector.width}/${name}`);
  const [extents, confidence, iou] = ["extents", "confidence", "iou"].map((name) => call(name).data);
  const count = call("cells").shape[0];
  const images = painted(call("cells"), call("colours"), call("cell").data[0], detector);
  const found = await detector.run({ images, extents, confidence, iou }, count);
  const expected = { boxes: call("boxes").data, scores: call("scores").data, labels: call("labels").data };
  const limits = { box: call("box_tolerance").data[0], score: call("score_tolerance").data[0], least: confidence[0] };
  const differing = missing(expected, found, limits, count) + missing(found, expected, limits, count);
  if (differing) return `It differs here from where it was made, in ${differing} detections.`;
  return "It finds here what it found where it was made.";
}

/** Return the images, RGB: cells of one colour each. */
function painted(cells, colours, side, { height, width }) {
  const [count, rows, columns] = cells.shape, most = colours.shape[1];
  const pixels = new Uint8Array(count * height * width * 3);
  for (let image = 0, to = 0; image < count; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 3) {
        const cell = cells.data[(image * rows + Math.floor(y / side)) * columns + Math.floor(x / side)];
        const from = 3 * (image * most + cell);
        pixels.set(colours.data.subarray(from, from + 3), to);
      }
    }
  }
  return pixels;
}

/** Return how many of our detections are not among theirs. Those whose score is that of the last ones may be cut off. */
function missing(ours, theirs, limits, count) {
  const most = ours.labels.length / count, theirMost = theirs.labels.length / count;
  let number = 0;
  for (let image = 0; image < count; image++) {
    const rows = detections(ours, image, most), others = detections(theirs, image, theirMost);
    const end = others.length < theirMost ? limits.least : others[others.length - 1].score;
    for (const one of rows.filter((row) => row.score > end + limits.score)) {
      if (!others.some((other) => isSame(one, other, limits))) number += 1;
    }
  }
  return number;
}

function isSame(one, other, limits) {
  return (
    one.label === other.label &&
    Math.abs(one.score - other.score) <= limits.score &&
    one.box.every((side, position) => Math.abs(side - other.box[position]) <= limits.box)
  );
}

function detections({ boxes, scores, labels }, image, most) {
  const rows = [];
  for (let row = image * most; row < (image + 1) * most && labels[row] >= 0; row++) {
    rows.push({ box: [...boxes.subarray(4 * row, 4 * row + 4)], score: scores[row], label: labels[row] });
  }
  return rows;
}

/** Return the arrays in an archive of NumPy without compression: by name, each its shape and its values. */
function readNpz(buffer) {
  const view = new DataView(buffer), arrays = new Map();
  let start = 0;
  while (start + 4 <= view.byteLength && view.getUint32(start, true) === COPY) {
    const [nameLength, extraLength] = [26, 28].map((place) => view.getUint16(start + place, true));
    const name = new TextDecoder().decode(new Uint8Array(buffer, start + 30, nameLength)).replace(/\.npy$/, "");
    const content = start + 30 + nameLength + extraLength;
    const size = sizeOf(view, start, nameLength);
    arrays.set(name, readNpy(buffer, content));
    start = content + size;
  }
  return arrays;
}

/** Return the size of an entry, bytes; NumPy writes it in the extra field of 64 bits. */
function sizeOf(view, start, nameLength) {
  const short = view.getUint32(start + 18, true);
  return short === 0xffffffff ? Number(view.getBigUint64(start + 30 + nameLength + 4, true)) : short;
}

function readNpy(buffer, start) {
  const view = new DataView(buffer, start), isLong = view.getUint8(6) > 1;
  const length = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const first = isLong ? 12 : 10;
  const header = new TextDecoder().decode(new Uint8Array(buffer, start + first, length));
  const type = TYPES[/'descr': '([^']*)'/.exec(header)[1]];
  const shape = /'shape': \(([^)]*)\)/.exec(header)[1].split(",").filter((side) => side.trim()).map(Number);
  const values = start + first + length, count = shape.reduce((product, side) => product * side, 1);
  return { shape, data: new type(buffer.slice(values, values + count * type.BYTES_PER_ELEMENT)) };
}
