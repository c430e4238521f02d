// The HTTP interface, as openapi.json describes it, without anything from another server.

/** Return an element with text or other elements in it. */
function element(name, ...content) {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}

/** Return a text, with the names in backquotes as code. */
function prose(text) {
  const parts = (text ?? "").split("`").map((part, position) => (position % 2 ? element("code", part) : part));
  return element("span", ...parts);
}

function tableOf(columns, rows) {
  const head = element("tr", ...columns.map((column) => Object.assign(element("th", column), { scope: "col" })));
  const body = rows.map((row) => element("tr", ...row.map((text) => element("td", prose(text)))));
  const around = element("div", element("table", element("thead", head), element("tbody", ...body)));
  around.className = "scroll words";
  around.tabIndex = 0;
  return around;
}

/** Return the type of a value in a word or two. */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((type) => type !== "null").join(" or ");
  if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
  return schema.type === "array" ? `list of ${typeOf(schema.items)}` : schema.type ?? "";
}

function operation(path, method, described) {
  const parts = [element("h2", `${method.toUpperCase()} ${path}`), element("p", prose(described.description))];
  const given = described.parameters ?? [];
  const parameters = given.map((each) => [each.name, typeOf(each.schema), each.description]);
  if (parameters.length) parts.push(element("h3", "Query"), tableOf(["name", "type", "meaning"], parameters));
  const bodies = Object.keys(described.requestBody?.content ?? {});
  if (bodies.length) parts.push(element("p", `Body: ${bodies.join(", ")}.`));
  const answers = Object.entries(described.responses).map(([status, { description, content }]) => {
    const [kind, body] = Object.entries(content ?? {})[0] ?? ["", {}];
    return [status, typeOf(body?.schema ?? {}) || kind, description];
  });
  parts.push(element("h3", "Answers"), tableOf(["status", "content", "meaning"], answers));
  return element("section", ...parts);
}

function contentOf(name, { description, properties }) {
  const rows = Object.entries(properties ?? {}).map(([field, schema]) => [field, typeOf(schema), schema.description]);
  const table = tableOf(["field", "type", "meaning"], rows);
  return element("section", element("h2", name), element("p", prose(description)), table);
}

const described = await (await fetch("/openapi.json")).json();
document.getElementById("example").textContent = `curl -F image=@photo.jpg '${location.origin}/v1/detect?confidence=0.5'`;
const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, each]) => operation(path, method, each)),
);
const contents = Object.entries(described.components.schemas)
  .filter(([name]) => !name.includes("ValidationError"))
  .map(([name, each]) => contentOf(name, each));
document.getElementById("operations").replaceChildren(...operations, ...contents);
