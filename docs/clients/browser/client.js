// The page: a picture, or frames of the webcam, with what the detector finds in them.
import { loadDetector } from "./detector.js";
import { check } from "./golden.js";

const [picture, webcam, threshold, checkButton, status, canvas, list] = [
  "picture", "webcam", "threshold", "check", "status", "canvas", "objects",
].map((id) => document.getElementById(id));
const context = canvas.getContext("2d");
const folder = new URL(`${new URLSearchParams(location.search).get("export") ?? "export"}/`, location.href).href;

async function showFile(file) {
  // Detectors are trained on pixels as they are stored, whatever their colour profile.
  const image = await createImageBitmap(file, { colorSpaceConversion: "none" });
  await show(image, image.width, image.height);
}

async function show(image, width, height) {
  const detector = await loading, start = performance.now();
  const objects = await detector.detect(image, width, height, Number(threshold.value));
  status.textContent = `${objects.length} objects in ${Math.round(performance.now() - start)} ms.`;
  [canvas.width, canvas.height] = [width, height];
  context.drawImage(image, 0, 0);
  const unit = Math.max(1, Math.hypot(width, height) / 600);
  const style = { strokeStyle: "#e69f00", lineWidth: 1.5 * unit, font: `${10 * unit}px sans-serif`, textBaseline: "top" };
  Object.assign(context, style);
  for (const { name, score, box: [x1, y1, x2, y2] } of [...objects].reverse()) {
    const text = `${name} ${Math.round(100 * score)}%`;
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    context.fillStyle = "#e69f00";
    context.fillRect(x1, y1, context.measureText(text).width + 4 * unit, 12 * unit);
    context.fillStyle = "#000";
    context.fillText(text, x1 + 2 * unit, y1 + unit);
  }
  list.textContent = objects.map(line).join("\n");
}

const line = ({ name, score, box }) => [name, score.toFixed(4), ...box.map((side) => side.toFixed(2))].join(" ");

async function showWebcam() {
  const video = document.createElement("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  video.muted = true;
  await video.play();
  webcam.disabled = true;
  for (;;) {
    const frame = await createImageBitmap(video);
    await show(frame, frame.width, frame.height);
    frame.close();
    await new Promise(requestAnimationFrame);
  }
}

/** Show what goes wrong in place of an error that nobody sees. */
const told = (act) => async (event) => {
  try {
    await act(event);
  } catch (error) {
    status.textContent = error.message;
  }
};

const loading = loadDetector(folder);
told(async () => {
  const { card } = await loading;
  status.textContent = `${card.run} is loaded.`;
})();
picture.onchange = told(() => showFile(picture.files[0]));
webcam.onclick = told(showWebcam);
checkButton.onclick = told(async () => (status.textContent = await check(await loading, folder)));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", told((event) => {
  event.preventDefault();
  return showFile(event.dataTransfer.files[0]);
}));
