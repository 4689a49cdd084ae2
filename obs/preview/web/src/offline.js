// Icons come out of the bundle: a page opened from disk has no server to ask for them.
import icons from "virtual:icons";

const ask = window.fetch.bind(window);

window.fetch = (address, options) => {
  const name = /img\/icons\/(.+)\.svg$/.exec(String(address?.url ?? address))?.[1];
  if (name === undefined) {
    return ask(address, options);
  }
  const headers = { "content-type": "image/svg+xml" };
  return Promise.resolve(new Response(icons[name] ?? "<svg xmlns='http://www.w3.org/2000/svg'/>", { headers }));
};
