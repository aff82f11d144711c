/** The colour a token stands for right now, as `rgb(…)`: a canvas understands neither variables nor light-dark(). */
export function colourOf(token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
