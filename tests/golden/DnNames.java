// SPDX-License-Identifier: Apache-2.0
// Reads DER-encoded names as hex, a line each, and prints what the JDK calls them.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.HexFormat;
import javax.security.auth.x500.X500Principal;

public class DnNames {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        String line;

        while ((line = in.readLine()) != null) {
            String name = new X500Principal(HexFormat.of().parseHex(line)).getName();

            out.println(line + "\t" + HexFormat.of().formatHex(name.getBytes("UTF-8")));
        }
    }
}
