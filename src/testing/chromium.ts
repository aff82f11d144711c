import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { releaseAfter, type Scope } from './temp.ts';

/** `complaints`: exceptions in the page, and what broke the rules that the server gave the browser; others may be added. */
export type Browsing = { context: BrowserContext; page: Page; complaints: string[] };

/** A page as large as that of a small laptop. It waits so long for what it is told to do. */
export async function startChromium(t: Scope, timeoutMs: number): Promise<Browsing> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const args = [...sandbox, '--disable-dev-shm-usage'];
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  releaseAfter(t, () => browser.close());
  const context = await browser.newContext({ viewport: { width: 1366, height: 800 }, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) complaints.push(message.text());
  });
  return { context, page, complaints };
}
