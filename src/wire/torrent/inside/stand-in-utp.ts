/** No transport over UDP: it needs a native add-on. The library goes without when there is nothing in it. */
export {};
