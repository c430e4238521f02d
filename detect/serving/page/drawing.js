// Boxes over an image on the page, and in a picture to keep.

const TOP = 0.06; // the part of an image, from its top, in which names stand inside of boxes

const percent = (value, whole) => `${(100 * value) / whole}%`;
const caption = (object) => `${object.name} ${Math.round(100 * object.score)}%`;

/** Return black or white, whichever can be read on a colour such as "#0072b2". */
function ink(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => (parseInt(colour.slice(start, start + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
}

/** Lay a box over an image for each object, the best score on top. */
export function draw(layer, { width, height, objects }, colours) {
  const boxes = objects.map((object) => {
    const [x1, y1, x2, y2] = object.box, colour = colours[object.label];
    const box = document.createElement("div"), name = document.createElement("span");
    box.className = y1 < TOP * height ? "box below" : "box";
    Object.assign(box.style, {
      left: percent(x1, width),
      top: percent(y1, height),
      width: percent(x2 - x1, width),
      height: percent(y2 - y1, height),
      borderColor: colour,
    });
    Object.assign(name.style, { background: colour, color: ink(colour) });
    name.textContent = caption(object);
    box.append(name);
    return box;
  });
  layer.replaceChildren(...boxes.reverse());
}

/** Return what was found in one line, such as "2 person, 1 car". */
export function summary({ objects }) {
  const counts = new Map();
  for (const { name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "nothing found";
}

/** Return a row for each object. */
export function table({ objects }) {
  return objects.map((object) => {
    const row = document.createElement("tr");
    row.append(...[object.name, object.score.toFixed(3), ...object.box.map((side) => side.toFixed(1))].map(cell));
    return row;
  });
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}

/** Return a PNG of images side by side with their boxes; parts: image or canvas, answer and colours of each. */
export function picture(parts) {
  const canvas = new OffscreenCanvas(
    parts.reduce((sum, [, answer]) => sum + answer.width, 0),
    Math.max(...parts.map(([, answer]) => answer.height)),
  );
  const context = canvas.getContext("2d");
  let left = 0;
  for (const [view, answer, colours] of parts) {
    context.save();
    context.translate(left, 0);
    context.drawImage(view, 0, 0, answer.width, answer.height);
    for (const object of [...answer.objects].reverse()) drawObject(context, object, answer, colours[object.label]);
    context.restore();
    left += answer.width;
  }
  return canvas.convertToBlob({ type: "image/png" });
}

function drawObject(context, object, { width, height }, colour) {
  const unit = Math.max(1, Math.hypot(width, height) / 600), size = 9 * unit;
  const [x1, y1, x2, y2] = object.box;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.5 * unit;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "top";
  const text = caption(object), top = y1 < 1.4 * size ? y1 : y1 - 1.4 * size;
  context.fillRect(x1, top, context.measureText(text).width + 0.6 * size, 1.4 * size);
  context.fillStyle = ink(colour);
  context.fillText(text, x1 + 0.3 * size, top + 0.25 * size);
}
