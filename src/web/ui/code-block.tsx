import { useState } from "preact/hooks";

/** A text to copy: a command, a configuration, YAML. */
export function CodeBlock({ text, label = "Copy" }: { text: string; label?: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="code">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a text that scrolls is reached by keyboard. */}
      <pre tabIndex={0}>{text}</pre>
      <button type="button" class="button slim" onClick={copy}>
        {isCopied ? "Copied" : label}
      </button>
    </div>
  );
}

/** Copies a text. Pages without TLS on other machines may not use the clipboard, so there it goes by a selection. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    return isDone;
  }
}
