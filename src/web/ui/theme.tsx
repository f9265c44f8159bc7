import { useState } from "preact/hooks";

const key = "mcpctl.theme";
type Theme = "system" | "light" | "dark";

function stored(): Theme {
  try {
    const text = localStorage.getItem(key);
    return text === "light" || text === "dark" ? text : "system";
  } catch {
    return "system";
  }
}

function show(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

show(stored());

/** Light, dark, or as the system has it. */
export function ThemeChoice() {
  const [theme, setTheme] = useState(stored);
  const choose = (event: Event) => {
    const chosen = (event.currentTarget as HTMLSelectElement).value as Theme;
    setTheme(chosen);
    show(chosen);
    try {
      localStorage.setItem(key, chosen);
    } catch {
      // It lasts until the page is reloaded.
    }
  };
  return (
    <select class="input" aria-label="Colours" value={theme} onChange={choose}>
      <option value="system">System colours</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}
