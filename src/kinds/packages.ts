/** A package of an MCP server, at one version. */
export interface McpPackage {
  registry: "npm" | "pypi";
  /** `@scope/name`, or for PyPI `name` or `name[extra]`. */
  name: string;
  version: string;
}

const npmPart = "[A-Za-z0-9][A-Za-z0-9._-]*";
// Semantic Versioning 2.0.0, https://semver.org
const npm = new RegExp(
  `^npm:((?:@${npmPart}/)?${npmPart})@(\\d+\\.\\d+\\.\\d+(?:-[0-9A-Za-z.-]+)?(?:\\+[0-9A-Za-z.-]+)?)$`,
);
// Names and versions as https://packaging.python.org/en/latest/specifications/ has them.
const pypiName = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
const pypi = new RegExp(
  `^pypi:(${pypiName}(?:\\[${pypiName}(?:,${pypiName})*\\])?)==` +
    "((?:\\d+!)?\\d+(?:\\.\\d+)*(?:(?:a|b|rc)\\d+)?(?:\\.post\\d+)?(?:\\.dev\\d+)?(?:\\+[a-z0-9]+(?:\\.[a-z0-9]+)*)?)$",
);

/**
 * Reads `npm:@scope/name@1.2.3` or `pypi:name==1.2.3`. A name cannot begin with a hyphen, which the program that starts
 * the package would take for an option, and there is always one exact version (T136).
 *
 * @returns undefined for any other text
 */
export function parsePackage(text: string): McpPackage | undefined {
  const [, npmName, npmVersion] = npm.exec(text) ?? [];
  if (npmName !== undefined && npmVersion !== undefined)
    return { registry: "npm", name: npmName, version: npmVersion };
  const [, name, version] = pypi.exec(text) ?? [];
  return name === undefined || version === undefined ? undefined : { registry: "pypi", name, version };
}
