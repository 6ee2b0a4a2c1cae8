import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { markup } from "../../lib/report/markup.ts";

Deno.test("markup keeps its letters and escapes what is put in", () => {
  const hostile = `</script><img src=x onerror="alert('1')">&amp;`;
  assertEquals(
    markup`<p title="${hostile}">${hostile}</p>`(),
    `<p title="&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;">` +
      `&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;</p>`,
  );
});

Deno.test("markup within markup is escaped once, lists are joined, null is nothing", () => {
  const items = ["a<b", "c"].map((text) => markup`<li>${text}</li>`);
  assertEquals(markup`<ul>${items}${null}${1.5}</ul>`(), "<ul><li>a&lt;b</li><li>c</li>1.5</ul>");
});

Deno.test("a page holds no lone surrogate and no control character", () => {
  assertEquals(
    markup`${"a\ud800b\udc00c\u0000\u001b[31m\r\nd\u0085\ufffe"}`(),
    "a\ufffdb\ufffdc\ufffd\ufffd[31m\nd\ufffd\ufffd",
  );
  assertEquals(markup`${"😀 שלום \u202e"}`(), "😀 שלום \u202e");
});

Deno.test("whatever the text, no tag, quote or entity of its own comes through", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
    const inside = markup`<i>${text}</i>`().slice(3, -4);
    assertEquals(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/.test(inside), false);
    const back = inside.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#39;/g, "'")
      .replace(/&amp;/g, "&");
    const plain = (t: string): string => t.replace(/\r\n?/g, "\n").replace(/[^\n\t -~\u00a0-\ud7ff]/g, "?");
    assertEquals(plain(back), plain(text.toWellFormed()));
  }));
});
