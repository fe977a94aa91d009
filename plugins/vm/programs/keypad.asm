; Waits for a key, shows it in the middle of the screen, and beeps.

        LD V1, 30
        LD V2, 13
next:   LD V0, K
        CLS
        LD F, V0
        DRW V1, V2, 5
        LD V3, 6
        LD ST, V3
        JP next
