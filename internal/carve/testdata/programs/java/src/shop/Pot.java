package shop;

import java.util.function.Supplier;

/** Found by the service loader alone. */
public class Pot implements Supplier<String> {
    public String get() {
        return "pot";
    }
}
