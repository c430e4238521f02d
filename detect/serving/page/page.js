// The page: pictures, clips and the webcam, each on a card with what the models find in it.
import { draw, picture, summary, table } from "./drawing.js";
import { Detector } from "./requests.js";

const LEAST = 0.05; // scores that are asked for; the threshold is moved above it without a new request
const byId = (id) => document.getElementById(id);
const cards = [];
let detector, models, shown; // models: by name; shown: the name of the model of each pane
let asked = 0, done = 0; // pictures
let threshold = null; // null: the model's own, for each class
const hiddenClasses = new Set();

const coloursOf = (model) => models.get(model).classes.map((each) => each.colour);
const leastOf = (model) => Math.min(LEAST, ...models.get(model).classes.map((each) => each.confidence));
const visible = (model, object) =>
  !hiddenClasses.has(object.name) && object.score > (threshold ?? models.get(model).classes[object.label].confidence);

/** Return an answer with the objects that the user wants to see. */
function filtered(answer) {
  return { ...answer, objects: answer.objects.filter((object) => visible(answer.model, object)) };
}

/** A picture, or frames of a clip or of the webcam, with a pane for each model. */
class Card {
  constructor(title) {
    this.title = title;
    this.root = byId("card").content.cloneNode(true).firstElementChild;
    this.find("h2").textContent = title;
    this.root.setAttribute("aria-label", title);
    this.find(".remove").onclick = () => this.remove();
    this.find(".save-picture").onclick = () => this.savePicture();
    this.makePanes();
    byId("cards").prepend(this.root);
    cards.unshift(this);
    refreshButtons();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  makePanes() {
    this.panes = shown.map((model) => {
      const root = byId("pane").content.cloneNode(true).firstElementChild;
      const view = this.newView();
      view.classList.add("view");
      root.querySelector("b").textContent = model;
      root.querySelector(".stage").prepend(view);
      return { model, root, view, boxes: root.querySelector(".boxes"), answer: null };
    });
    this.find(".panes").replaceChildren(...this.panes.map((pane) => pane.root));
  }

  /** Ask each model about an encoded image, and return the answers. */
  ask(blob) {
    return Promise.all(this.panes.map((pane) => detector.detect(pane.model, blob, leastOf(pane.model))));
  }

  accept(answers) {
    this.problem("");
    answers.forEach((answer, position) => (this.panes[position].answer = answer));
    this.find(".save-picture").disabled = false;
    this.render();
  }

  render() {
    for (const pane of this.panes.filter((pane) => pane.answer)) {
      const answer = filtered(pane.answer);
      draw(pane.boxes, answer, coloursOf(pane.model));
      pane.root.querySelector("figcaption .soft").textContent = summary(answer);
      pane.view.setAttribute(pane.view.tagName === "IMG" ? "alt" : "aria-label", `${this.title}: ${summary(answer)}`);
      pane.root.querySelector("tbody").replaceChildren(...table(answer));
    }
  }

  problem(text) {
    const place = this.find(".problem");
    place.textContent = text;
    place.hidden = !text;
  }

  remove() {
    this.removed = true;
    this.root.remove();
    cards.splice(cards.indexOf(this), 1);
    refreshButtons();
    byId("files").focus();
  }

  async savePicture() {
    const parts = this.panes.map((pane) => [pane.view, filtered(pane.answer), coloursOf(pane.model)]);
    save(await picture(parts), `${stem(this.title)}-detections.png`);
  }

  /** Return what is shown, for the file of results. */
  results() {
    return this.panes
      .filter((pane) => pane.answer)
      .map((pane) => ({ file: this.title, ...filtered(pane.answer) }));
  }
}

class PictureCard extends Card {
  constructor(file) {
    super(file.name || "pasted picture");
    this.file = file;
    this.redo();
  }

  newView() {
    const view = new Image();
    view.alt = this.title;
    view.onerror = () => {
      const place = document.createElement("p");
      place.textContent = "This browser cannot show pictures of this format.";
      view.closest(".stage")?.replaceWith(place);
      this.find(".save-picture").hidden = true;
    };
    return view;
  }

  async redo() {
    this.address ??= URL.createObjectURL(this.file);
    const panes = this.panes;
    for (const pane of panes) pane.view.src = this.address;
    tell(`${done} of ${++asked} pictures done.`);
    try {
      const answers = await this.ask(this.file);
      if (panes === this.panes) this.accept(answers);
    } catch (error) {
      this.problem(error.message);
    }
    tell(`${++done} of ${asked} pictures done.`);
  }

  remove() {
    super.remove();
    URL.revokeObjectURL(this.address);
  }
}

/** Frames of a video that plays: the newest one is detected while the last one is shown with its boxes. */
class VideoCard extends Card {
  constructor(title, source, isLive) {
    super(title);
    this.isLive = isLive;
    this.frames = []; // the results of a clip, each with its time
    this.video = document.createElement("video");
    this.video.muted = this.video.playsInline = true;
    this.video.onerror = () => this.problem("This browser cannot play clips of this format.");
    if (source instanceof MediaStream) this.video.srcObject = source;
    else this.video.src = URL.createObjectURL(source);
    const pause = this.find(".pause");
    pause.hidden = false;
    pause.onclick = () => (this.video.paused ? this.play() : this.video.pause());
    this.video.onplay = () => this.showState();
    this.video.onpause = () => {
      this.showState();
      this.stopWaiting?.();
    };
    this.play();
  }

  newView() {
    const view = document.createElement("canvas");
    view.setAttribute("role", "img");
    view.setAttribute("aria-label", this.title);
    return view;
  }

  showState() {
    this.find(".pause").textContent = this.video.ended ? "Play again" : this.video.paused ? "Play" : "Pause";
  }

  redo() {
    this.frames = [];
    if (this.video.ended) this.play();
  }

  async play() {
    if (this.video.ended) this.frames = [];
    try {
      await this.video.play();
      if (!this.isRunning) await this.run();
    } catch (error) {
      if (!this.video.error) this.problem(error.message);
    }
    this.isRunning = false;
    this.showState();
  }

  async run() {
    this.isRunning = true;
    while (!this.removed && !this.video.paused) {
      const next = await this.nextFrame();
      if (!next) break;
      const frame = await next.frame, panes = this.panes;
      const answers = await this.ask(await encoded(frame));
      if (panes === this.panes) {
        for (const pane of panes) show(frame, pane.view);
        this.accept(answers);
        if (!this.isLive) this.frames.push({ time: next.time, answers });
      }
      frame.close();
    }
  }

  /** Return the frame that is shown next and its time in seconds, or null where the video pauses before. */
  nextFrame() {
    return new Promise((resolve) => {
      this.stopWaiting = () => resolve(null);
      this.video.requestVideoFrameCallback((_, { mediaTime }) =>
        resolve({ time: mediaTime, frame: createImageBitmap(this.video) }),
      );
    });
  }

  results() {
    if (this.isLive) return super.results();
    return this.frames.flatMap(({ time, answers }) =>
      answers.map((answer) => ({ file: this.title, time, ...filtered(answer) })),
    );
  }

  remove() {
    super.remove();
    this.video.pause();
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    if (this.video.src) URL.revokeObjectURL(this.video.src);
  }
}

function show(frame, canvas) {
  canvas.width = frame.width;
  canvas.height = frame.height;
  canvas.getContext("2d").drawImage(frame, 0, 0);
}

function encoded(frame) {
  const canvas = new OffscreenCanvas(frame.width, frame.height);
  canvas.getContext("2d").drawImage(frame, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}

async function add(given) {
  const files = [...given]; // the list is emptied when its event is over
  await started;
  for (const file of files) {
    if (file.type.startsWith("video/")) new VideoCard(file.name, file, false);
    else new PictureCard(file);
  }
}

async function openWebcam() {
  await started;
  if (!navigator.mediaDevices) {
    tell("Browsers give the webcam only to pages on this machine (127.0.0.1) and to pages over https.");
    return;
  }
  try {
    new VideoCard("Webcam", await navigator.mediaDevices.getUserMedia({ video: true }), true);
  } catch (error) {
    tell(`The webcam cannot be opened: ${error.message}.`);
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser still reads it
}

function saveResults() {
  const content = { threshold: threshold ?? "of the model", images: cards.flatMap((card) => card.results()).reverse() };
  save(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }), "detections.json");
}

const stem = (name) => name.replace(/\.[^.]*$/, "");
const tell = (text) => (byId("status").textContent = text);

function refreshButtons() {
  byId("clear").disabled = byId("save-json").disabled = cards.length === 0;
}

function render() {
  const slider = byId("threshold");
  const text = threshold === null ? "the model's own" : threshold.toFixed(2);
  byId("threshold-shown").textContent = text;
  slider.setAttribute("aria-valuetext", text);
  byId("own-threshold").disabled = threshold === null;
  const boxes = byId("classes").querySelectorAll("input");
  byId("classes-shown").textContent = `${boxes.length - hiddenClasses.size} of ${boxes.length} shown`;
  for (const card of cards) card.render();
}

function makeClasses() {
  const colours = new Map();
  for (const name of shown) for (const each of models.get(name).classes) colours.set(each.name, each.colour);
  for (const name of hiddenClasses) if (!colours.has(name)) hiddenClasses.delete(name);
  const labels = [...colours].map(([name, colour]) => {
    const [label, box, swatch] = ["label", "input", "span"].map((tag) => document.createElement(tag));
    Object.assign(box, { type: "checkbox", checked: !hiddenClasses.has(name), value: name });
    swatch.className = "swatch";
    swatch.style.background = colour;
    label.append(box, " ", swatch, name);
    return label;
  });
  byId("classes").replaceChildren(...labels);
}

function setClasses(isShown) {
  for (const box of byId("classes").querySelectorAll("input")) {
    box.checked = isShown;
    if (isShown) hiddenClasses.delete(box.value);
    else hiddenClasses.add(box.value);
  }
  render();
}

/** With several models, let the user choose that of the left and that of the right pane. */
function makeChoices() {
  const names = [...models.keys()];
  if (names.length < 2) return;
  const choices = ["Left", "Right"].map((side, position) => {
    const label = document.createElement("label"), select = document.createElement("select");
    select.append(...names.map((name) => new Option(name, name, false, name === shown[position])));
    select.onchange = () => {
      shown[position] = select.value;
      makeClasses();
      for (const card of cards) {
        card.makePanes();
        card.redo();
      }
      render();
    };
    label.append(`${side} model `, select);
    return label;
  });
  byId("models").replaceChildren(...choices);
}

function listen() {
  const drop = byId("drop");
  byId("files").onchange = (event) => {
    add(event.target.files);
    event.target.value = ""; // the same files may be chosen again
  };
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => add(event.clipboardData.files));
  byId("webcam").onclick = openWebcam;
  byId("save-json").onclick = saveResults;
  byId("clear").onclick = () => [...cards].forEach((card) => card.remove());
  byId("threshold").oninput = (event) => {
    threshold = Number(event.target.value);
    render();
  };
  byId("own-threshold").onclick = () => {
    threshold = null;
    render();
  };
  byId("classes").onchange = ({ target }) => {
    if (target.checked) hiddenClasses.delete(target.value);
    else hiddenClasses.add(target.value);
    render();
  };
  byId("all-classes").onclick = () => setClasses(true);
  byId("no-classes").onclick = () => setClasses(false);
}

async function start() {
  const offer = await (await fetch("/v1/models")).json();
  models = new Map(offer.models.map((model) => [model.name, model]));
  shown = [...models.keys()].slice(0, 2);
  detector = new Detector(offer);
  document.title = `${shown.join(" and ")} - detect`;
  makeChoices();
  makeClasses();
  render();
}

listen();
const started = start();
started.catch(() => tell("The server does not answer. Is it running? Load this page again."));
