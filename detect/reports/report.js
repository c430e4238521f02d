"use strict";
// The images of a report: filters, pages of cards, and a viewer. `data` is what scored_images.py wrote.
document.addEventListener("DOMContentLoaded", () => {
  const PER_PAGE = 24;
  const KINDS = ["right", "class", "box", "class and box", "duplicate", "background"];
  const embedded = document.getElementById("report-data");
  const data = embedded ? JSON.parse(embedded.textContent) : window.detectReport;
  const find = (id) => document.getElementById(id);
  const form = document.querySelector(".filters");
  const field = form.elements;
  const hinted = new Set(data.hints.map(([image]) => image));
  const nothing = data.classes.length;
  let cell = null; // true and detected class, of the confusion matrix
  let shown = []; // images that pass the filters, in order
  let page = 0;

  // Boxes

  function* rows(part, image) {
    for (let row = image ? part.ends[image - 1] : 0; row < part.ends[image]; row++) yield row;
  }

  const threshold = () => Number(field.threshold.value);
  const isCrowd = (row) => data.true.by[row] < 0;
  const isFound = (row) => data.true.by[row] > 0 && data.true.by[row] >= threshold();
  const sizeOf = (part, image, row) =>
    Math.sqrt(part.boxes[4 * row + 2] * part.boxes[4 * row + 3]) * data.scales[image];

  function fits(part, image, row) {
    if (field.label.value !== "" && part.labels[row] !== Number(field.label.value)) return false;
    if (field.size.value === "") return true;
    const [low, high] = field.size.value.split(",");
    const size = sizeOf(part, image, row);
    return size >= Number(low) && (high === "" || size < Number(high));
  }

  function isWantedDetection(image, row) {
    const { kinds, labels, objects, scores } = data.found;
    const kind = field.kind.value;
    if (kind === "confused") return labels[row] === cell[1] && objects[row] === cell[0];
    if (scores[row] < threshold() || !fits(data.found, image, row)) return false;
    if (kind === "wrong") return kinds[row] > 0;
    return kind === "" || KINDS.indexOf(kind) === kinds[row];
  }

  function isWantedObject(image, row) {
    const kind = field.kind.value;
    if (isCrowd(row)) return false;
    if (kind === "confused") return data.true.labels[row] === cell[0] && data.true.as[row] === cell[1];
    if (!fits(data.true, image, row)) return false;
    return kind === "" || ((kind === "missed" || kind === "wrong") && !isFound(row));
  }

  function countErrors(image) {
    let count = 0;
    for (const row of rows(data.found, image)) count += data.found.kinds[row] > 0 && data.found.scores[row] >= threshold();
    for (const row of rows(data.true, image)) count += !isCrowd(row) && !isFound(row);
    return count;
  }

  // Filters

  function passes(image) {
    const wanted = field.name.value.trim().toLowerCase();
    if (wanted && !data.names[image].toLowerCase().includes(wanted)) return false;
    if (field.kind.value === "hint") return hinted.has(image);
    if (!field.label.value && !field.kind.value && !field.size.value) return true;
    for (const row of rows(data.found, image)) if (isWantedDetection(image, row)) return true;
    for (const row of rows(data.true, image)) if (isWantedObject(image, row)) return true;
    return false;
  }

  function filter() {
    if (field.kind.value !== "confused") cell = null;
    field.shown.value = threshold().toFixed(2);
    shown = data.names.map((name, image) => image).filter(passes);
    if (field.order.value === "lost") shown.sort((one, other) => data.lost[other] - data.lost[one]);
    if (field.order.value === "name") shown.sort((one, other) => (data.names[one] < data.names[other] ? -1 : 1));
    if (field.order.value === "errors") {
      const counts = new Map(shown.map((image) => [image, countErrors(image)]));
      shown.sort((one, other) => counts.get(other) - counts.get(one));
    }
    page = 0;
    showState();
    showPage();
  }

  function showState() {
    const all = data.names.length.toLocaleString("en");
    find("count").textContent = `${shown.length.toLocaleString("en")} of ${all} images${data.note}`;
    find("cell").hidden = !cell;
    const nameOf = (label) => (label === nothing ? "nothing" : data.classes[label]);
    if (cell) find("cell").textContent = `true class ${nameOf(cell[0])}, detected as ${nameOf(cell[1])}: show all again`;
  }

  function filterBy(kind, label, chosen) {
    form.reset();
    field.threshold.value = data.threshold;
    cell = chosen;
    field.kind.value = kind;
    field.label.value = label;
    filter();
    find("images").scrollIntoView();
  }

  // Cards

  function showPage() {
    const last = Math.max(Math.ceil(shown.length / PER_PAGE) - 1, 0);
    page = Math.min(Math.max(page, 0), last);
    find("cards").replaceChildren(...shown.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(card));
    find("place").textContent = `page ${page + 1} of ${last + 1}`;
    find("before").disabled = page === 0;
    find("after").disabled = page === last;
  }

  function element(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function card(image) {
    const button = element("button", "card");
    button.type = "button";
    button.dataset.image = image;
    const room = element("span", "room");
    const drawn = frame(image, field.true.checked, field.found.checked);
    drawn.style.width = `${Math.min(1, (0.75 * data.sizes[2 * image]) / data.sizes[2 * image + 1]) * 100}%`;
    room.append(drawn);
    const errors = countErrors(image);
    const facts = `AP lost ${data.lost[image].toFixed(4)}, ${errors} ${errors === 1 ? "error" : "errors"}`;
    button.append(room, element("span", "name", data.names[image]), element("span", "facts", facts));
    button.addEventListener("click", () => view(image));
    const item = element("li");
    item.append(button);
    return item;
  }

  function frame(image, withTrue, withFound) {
    const [width, height] = [data.sizes[2 * image], data.sizes[2 * image + 1]];
    const made = element("span", "frame");
    made.style.aspectRatio = `${width} / ${height}`;
    if (data.pictures[image]) {
      const picture = element("img");
      picture.alt = "";
      picture.loading = "lazy";
      picture.decoding = "async";
      picture.src = data.pictures[image];
      made.append(picture);
    }
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    if (withTrue) for (const row of rows(data.true, image)) svg.append(outline(data.true, row, classOfObject(image, row)));
    if (withFound) {
      for (const row of rows(data.found, image)) {
        if (data.found.scores[row] >= threshold()) svg.append(outline(data.found, row, classOfDetection(image, row)));
      }
    }
    made.append(svg);
    return made;
  }

  function classOfObject(image, row) {
    const kind = isCrowd(row) ? "crowd" : isFound(row) ? "" : "missed";
    return `true ${kind} ${isWantedObject(image, row) ? "" : "other"}`;
  }

  function classOfDetection(image, row) {
    const kind = data.found.kinds[row];
    return `found ${kind > 0 ? "wrong" : kind < 0 ? "crowd" : ""} ${isWantedDetection(image, row) ? "" : "other"}`;
  }

  function outline(part, row, name) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("class", name.trim());
    rect.dataset.row = row;
    ["x", "y", "width", "height"].forEach((side, index) => rect.setAttribute(side, part.boxes[4 * row + index]));
    return rect;
  }

  // The viewer

  const viewer = find("viewer");
  let viewed = 0;
  let zoom = 1;
  let suspect = null; // box of an annotation that may be wrong

  function view(image, box) {
    viewed = image;
    suspect = box || null;
    zoom = 1;
    if (!viewer.open) viewer.showModal();
    find("viewer-name").textContent = data.names[image];
    draw();
  }

  function draw() {
    const stage = find("stage");
    const made = frame(viewed, find("viewer-true").checked, find("viewer-found").checked);
    for (const rect of made.querySelectorAll("rect")) rect.classList.remove("other");
    stage.replaceChildren(made);
    fit();
    const original = data.originals && data.originals[viewed];
    if (original) {
      const whole = new Image();
      const of = viewed;
      whole.onload = () => {
        const picture = made.querySelector("img");
        if (of === viewed && picture) picture.src = whole.src;
      };
      whole.src = original;
    }
    find("viewer-boxes").replaceChildren(...listed());
    if (suspect) mark(made, (rect) => ["x", "y", "width", "height"].every((side, index) => Number(rect.getAttribute(side)) === suspect[index]));
    const place = shown.indexOf(viewed);
    find("viewer-previous").disabled = place <= 0;
    find("viewer-next").disabled = place < 0 || place === shown.length - 1;
  }

  function fit() {
    const stage = find("stage");
    const ratio = data.sizes[2 * viewed] / data.sizes[2 * viewed + 1];
    stage.firstChild.style.width = `${Math.min(stage.clientWidth, stage.clientHeight * ratio) * zoom}px`;
  }

  function mark(within, isChosen) {
    for (const rect of within.querySelectorAll("rect")) rect.classList.toggle("chosen", isChosen(rect));
  }

  function* listed() {
    for (const row of rows(data.true, viewed)) {
      const by = data.true.by[row];
      const found = isCrowd(row) ? "a crowd" : isFound(row) ? `found with ${by.toFixed(2)}` : "missed";
      yield boxItem(`true ${data.classes[data.true.labels[row]]}, ${sides(data.true, row)}: ${found}`, "true", row);
    }
    for (const row of rows(data.found, viewed)) {
      const score = data.found.scores[row];
      if (score < threshold()) continue;
      const kind = data.found.kinds[row] < 0 ? "not counted" : KINDS[data.found.kinds[row]];
      const name = data.classes[data.found.labels[row]];
      yield boxItem(`${name} ${score.toFixed(2)}, ${sides(data.found, row)}: ${kind}`, "found", row);
    }
  }

  function sides(part, row) {
    return `${Math.round(part.boxes[4 * row + 2])} x ${Math.round(part.boxes[4 * row + 3])} px`;
  }

  function boxItem(text, part, row) {
    const item = element("li");
    const button = element("button", "look", text);
    button.type = "button";
    button.addEventListener("click", () =>
      mark(find("stage"), (rect) => rect.classList.contains(part) && Number(rect.dataset.row) === row));
    item.append(button);
    return item;
  }

  function step(by) {
    const next = shown[shown.indexOf(viewed) + by];
    if (shown.includes(viewed) && next !== undefined) view(next);
  }

  function enlarge(factor) {
    zoom = Math.min(Math.max(zoom * factor, 1), 32);
    fit();
  }

  function toggle(id) {
    find(id).checked = !find(id).checked;
    draw();
  }

  const keys = {
    "+": () => enlarge(1.5),
    "-": () => enlarge(1 / 1.5),
    t: () => toggle("viewer-true"),
    d: () => toggle("viewer-found"),
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
  };
  viewer.addEventListener("keydown", (event) => {
    const scrolls = zoom > 1 && event.target.id === "stage" && event.key.startsWith("Arrow");
    if (!keys[event.key] || scrolls || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  find("viewer-true").addEventListener("change", draw);
  find("viewer-found").addEventListener("change", draw);
  find("viewer-larger").addEventListener("click", () => enlarge(1.5));
  find("viewer-smaller").addEventListener("click", () => enlarge(1 / 1.5));
  find("viewer-previous").addEventListener("click", () => step(-1));
  find("viewer-next").addEventListener("click", () => step(1));
  find("viewer-close").addEventListener("click", () => viewer.close());
  window.addEventListener("resize", () => viewer.open && fit());

  // The rest of the page

  for (const button of document.querySelectorAll(".look[data-kind]")) {
    const { kind, true: object, found } = button.dataset;
    const chosen = kind === "confused" ? [Number(object), Number(found)] : null;
    button.addEventListener("click", () => filterBy(kind, "", chosen));
  }
  for (const button of document.querySelectorAll(".look[data-hint]")) {
    const [image, ...box] = data.hints[Number(button.dataset.hint)];
    button.disabled = image < 0;
    button.addEventListener("click", () => view(image, box));
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  field.again.addEventListener("click", () => filterBy("", "", null));
  find("cell").addEventListener("click", () => filterBy("", "", null));
  find("before").addEventListener("click", () => { page -= 1; showPage(); });
  find("after").addEventListener("click", () => { page += 1; showPage(); });
  field.threshold.value = data.threshold;
  filter();
});
