import { type TProperties, Type } from "@sinclair/typebox";

/** A stage of the content pipeline, as a proxy model lists it. `server/mcp/content` has its work. */
export interface Stage<Type extends string = string, Fields extends TProperties = TProperties> {
  type: Type;
  /** One sentence about what it does to texts. */
  summary: string;
  /** Its settings. */
  fields: Fields;
}

/** Makes the description of a stage. Its type keeps the settings, so that the stage's work is typed. */
export function defineStage<const Name extends string, Fields extends TProperties>(
  stage: Stage<Name, Fields>,
): Stage<Name, Fields> {
  return stage;
}

/** The schema of a stage in the list of a proxy model: its type and its settings. */
export function stageSchema<Name extends string, Fields extends TProperties>({
  type,
  summary,
  fields,
}: Stage<Name, Fields>) {
  return Type.Object(
    { type: Type.Literal(type), ...fields },
    { additionalProperties: false, description: summary },
  );
}
