/** Returns a value as YAML: plain where that is safe, in quotes as JSON has them where it is not. */
export function yamlOf(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return value.map((one) => `\n${indent}- ${nested(one, `${indent}  `)}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    if (entries.length === 0) return "{}";
    return entries.map(([key, one]) => `\n${indent}${text(key)}:${below(one, `${indent}  `)}`).join("");
  }
  return typeof value === "string" ? multiline(value, indent) : String(value ?? "null");
}

/** Returns the text behind `key:`. */
function below(value: unknown, indent: string): string {
  const yaml = yamlOf(value, indent);
  return yaml.startsWith("\n") ? yaml : ` ${yaml}`;
}

/** Returns the text behind `- `: the first line of a map or list is on the same line. */
function nested(value: unknown, indent: string): string {
  const yaml = yamlOf(value, indent);
  return yaml.startsWith("\n") ? yaml.slice(1 + indent.length) : yaml;
}

/** Long texts of several lines stand as they are. */
function multiline(value: string, indent: string): string {
  const isBlock =
    value.includes("\n") &&
    /^[^\s]/.test(value) &&
    !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]|[ \n]\n|\s$/.test(value.replace(/\n$/, ""));
  if (!isBlock || /\n\n$/.test(value)) return text(value);
  const ending = value.endsWith("\n") ? "|" : "|-";
  return `${ending}\n${value
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => (line === "" ? "" : (indent || "  ") + line))
    .join("\n")}`;
}

function text(value: string): string {
  const isPlain =
    /^[A-Za-z/][A-Za-z0-9_./@-]*( [A-Za-z0-9_./@-]+)*$/.test(value) &&
    !/^(true|false|yes|no|on|off|null|y|n)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}

/** Returns an argument as a shell reads it. */
export function shellQuoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** Returns a command line of mcpctl. */
export function commandOf(...words: (string | undefined)[]): string {
  return ["mcpctl", ...words.filter((word) => word !== undefined).map(shellQuoted)].join(" ");
}
