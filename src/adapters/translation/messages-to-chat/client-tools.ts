import type { Fields } from "../request-fields.ts";

/**
 * The tools that Anthropic defines and the client runs, as functions: Claude knows their inputs by heart, other models are
 * told (https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview).
 */
interface ClientTool {
  /** The beginning of its type: a date follows. */
  type: string;
  description(tool: Fields): string;
  properties: Fields;
  required: readonly string[];
}

const text = { type: "string" };
const line = { type: "integer" };
const pair = { type: "array", items: line, minItems: 2, maxItems: 2 };
const oneOf = (...words: string[]) => ({ type: "string", enum: words });

const clientTools: readonly ClientTool[] = [
  {
    type: "bash_",
    description: () => "Runs a command in a shell that keeps its state, or restarts the shell.",
    properties: { command: text, restart: { type: "boolean" } },
    required: [],
  },
  {
    type: "text_editor_",
    description: () =>
      "Views and changes text files: view (view_range: first and last line), create (file_text), str_replace (old_str, new_str), insert (insert_line, insert_text).",
    properties: {
      command: oneOf("view", "create", "str_replace", "insert"),
      path: text,
      file_text: text,
      old_str: text,
      new_str: text,
      insert_line: line,
      insert_text: text,
      view_range: pair,
    },
    required: ["command", "path"],
  },
  {
    type: "memory_",
    description: () =>
      "Reads and changes files under /memories, which last beyond this conversation: view, create (file_text), str_replace (old_str, new_str), insert (insert_line, insert_text), delete, rename (old_path, new_path).",
    properties: {
      command: oneOf("view", "create", "str_replace", "insert", "delete", "rename"),
      path: text,
      file_text: text,
      old_str: text,
      new_str: text,
      insert_line: line,
      insert_text: text,
      old_path: text,
      new_path: text,
      view_range: pair,
    },
    required: ["command"],
  },
  {
    type: "computer_",
    description: ({ display_width_px: width, display_height_px: height }) =>
      `Controls a computer with a screen of ${width} x ${height} pixels; coordinates are [x, y] from its top left corner. Each action is answered with a screenshot.`,
    properties: {
      action: oneOf(
        ...["key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click"],
        ...["double_click", "triple_click", "screenshot", "cursor_position", "left_mouse_down"],
        ...["left_mouse_up", "scroll", "hold_key", "wait"],
      ),
      coordinate: pair,
      start_coordinate: pair,
      text,
      duration: { type: "number" },
      scroll_direction: oneOf("up", "down", "left", "right"),
      scroll_amount: line,
    },
    required: ["action"],
  },
];

/** Settings of these tools, which their descriptions or the client take care of. */
export const clientToolFields = [
  ...["type", "name", "cache_control", "max_characters", "defer_loading"],
  ...["display_width_px", "display_height_px", "display_number", "enable_zoom"],
];

/** Returns the description and the parameters of a tool that Anthropic defines; undefined for every other tool. */
export function clientTool(tool: Fields): { description: string; parameters: Fields } | undefined {
  const { type } = tool;
  const known = typeof type === "string" && clientTools.find((one) => type.startsWith(one.type));
  if (!known) return undefined;
  const { properties, required } = known;
  return {
    description: known.description(tool),
    parameters: { type: "object", properties, required },
  };
}
