import { compileMessage } from '@lingui/message-utils/compileMessage';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

export default defineConfig({
  plugins: [react(), tailwindcss(), compiledCatalogues()],
  build: {
    // The browsers of the last two years; they know light-dark() and URL.parse.
    target: ['chrome126', 'firefox128', 'safari18'],
    // The page's content policy allows no inline script, and no data: link that a strict proxy may dislike.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    manifest: 'chunks.json',
    rolldownOptions: {
      output: {
        // What the first picture needs comes in two files: what others wrote changes seldom and stays cached.
        codeSplitting: {
          groups: [
            { name: 'vendor', tags: ['$initial'], test: /node_modules/, priority: 2 },
            { name: 'app', tags: ['$initial'], priority: 1 },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': process.env.FLOTILLA_URL ?? 'http://127.0.0.1:3568' } },
});

/** Turns the ICU messages of a catalogue into Lingui's compiled form, so that the parser stays out of the page. */
function compiledCatalogues(): Plugin {
  return {
    name: 'flotilla:catalogues',
    async transform(code, id) {
      if (!/\/src\/locales\/[a-z]{2}\.ts$/.test(id)) return null;
      // By now the types are gone and nothing is imported: what is left can be run as it is.
      const { messages } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
        messages: Record<string, string>;
      };
      const compiled = Object.fromEntries(Object.entries(messages).map(([key, text]) => [key, compileMessage(text)]));
      return { code: `export const messages = JSON.parse(${JSON.stringify(JSON.stringify(compiled))});`, map: null };
    },
  };
}
