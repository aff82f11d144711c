// Runs before the first paint, so that a chosen theme does not flash the other one. Written by src/preferences.ts.
try {
  const { theme, density } = JSON.parse(localStorage.getItem('flotilla.preferences') ?? '{}');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (density === 'compact') document.documentElement.dataset.density = density;
} catch {
  // Storage is forbidden or holds something else: the system's theme is a fine answer.
}
