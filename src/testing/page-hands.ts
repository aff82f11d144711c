/** What hands and eyes do with the page, for stories with a real browser. */
import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

/** What axe complains of on the screen that is shown. */
export async function checkAxe(page: Page, screen: string): Promise<void> {
  // Parts of the page are loaded when needed: what is judged is the page, not the moment before it.
  await page.locator('h1').first().waitFor({ state: 'attached' });
  // The hours of the timetable are alike, and there are many of them.
  const { violations } = await new AxeBuilder({ page }).exclude('.timetable tbody tr:nth-child(n + 3)').analyze();
  const told = violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).join(', ')})`,
  );
  assert.deepEqual(told, [], screen);
}

/** Presses Tab until the field or button with that name has the focus. */
export async function tabTo(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 30; press++) {
    const focused = await page.evaluate(
      'document.activeElement?.labels?.[0]?.textContent || document.activeElement?.ariaLabel || document.activeElement?.textContent',
    );
    if (focused === name) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to ${name}`);
}

/** As Ctrl+V anywhere on the page does, without the clipboard of the machine. */
export async function paste(page: Page, text: string): Promise<void> {
  await page.evaluate(`{
    const data = new DataTransfer();
    data.setData('text/plain', ${JSON.stringify(text)});
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }`);
}

/** Files dropped on the page, or on what the selector names, as a hand drags them there. */
export async function dropFiles(page: Page, files: { name: string; bytes: Uint8Array }[], target = 'body'): Promise<void> {
  const given = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') }));
  await page.evaluate(`{
    const data = new DataTransfer();
    for (const { name, base64 } of ${JSON.stringify(given)}) {
      data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name));
    }
    const target = document.querySelector(${JSON.stringify(target)});
    for (const kind of ['dragenter', 'dragover', 'drop']) {
      target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }`);
}
