import type { Resource } from "../../kinds/define.ts";
import { findBackendType } from "../../kinds/secret-backends/config.ts";
import { plain } from "../output/cells.ts";
import { type DescriptionEntry, type FieldEntries, inWords, timed } from "../output/describe.ts";
import { mask } from "../output/mask.ts";

/** The config with how the server logs in, the health, and the last rotation of its token. */
export function describeSecretBackend(backend: Resource, now: number): FieldEntries {
  const config = mask(backend["config"] ?? {}) as Record<string, unknown>;
  const { health, rotation } = backend;
  const type = findBackendType(backend["type"]);
  const texts = type?.describe?.(config) ?? {};
  // Fields that only a newer server has come after those of the schema; what is missing comes last.
  const fields = new Set([...Object.keys(type?.config.properties ?? {}), ...Object.keys(config)]);
  const present = [...fields].filter((field) => Object.hasOwn(config, field));
  const missing = Object.keys(texts).filter(
    (field) => !Object.hasOwn(config, field) && texts[field] !== undefined,
  );
  const lines = [...present, ...missing].map((field) => ({
    label: inWords(field),
    value: texts[field] ?? plain(config[field]),
  }));
  return {
    config: lines.length > 0 ? [{ title: "Config", entries: lines }] : [],
    health: section("Health", health, { status: "Status", reason: "Reason", checkedAt: "Checked" }, now),
    rotation: section(
      "Rotation",
      rotation,
      { rotatedAt: "Rotated", failedAt: "Failed", reason: "Reason" },
      now,
    ),
  };
}

/** A section of what the server found; none where it found nothing yet. */
function section(
  title: string,
  found: unknown,
  labels: Readonly<Record<string, string>>,
  now: number,
): readonly DescriptionEntry[] {
  if (typeof found !== "object" || found === null) return [];
  const values = found as Record<string, unknown>;
  return [
    {
      title,
      entries: Object.entries(labels).map(([field, label]) => ({
        label,
        value: timed(plain(values[field]), now),
      })),
    },
  ];
}
